"""Outside the part packages."""

from toy_lab.roles import Gate


class Borrowed(Gate): ...
