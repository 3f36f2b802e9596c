"""The figures of the report, each as the text of one SVG file."""
