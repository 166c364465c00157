"""Assignment of points to clusters: the table of contents."""

from ingot.util import lazily

__getattr__, __dir__ = lazily(__name__, ("vq",))
