"""The pipelines, a folder each; they meet in the catalog and import nothing of each other."""
