"""A paper's table of arms, figures at a column's width, methods and references, from many runs.

best (arms that differ) and external (published numbers) -> table -> LaTeX or Markdown; figures; references (papers.bib)
and methods, from the configs.
"""
