"""HTML pages that need no kernel: the report of a clustering, and the demo's."""
