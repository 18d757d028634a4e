"""What of many runs goes into a paper: a table of arms, figures at a column's width, the methods, the references.

best (which arms stand out) and external (other people's numbers) -> table -> latex or markdown; figures; references
(papers.bib) and methods, which read the configs.
"""
