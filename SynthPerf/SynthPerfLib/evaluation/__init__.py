"""How good synthetic maps are: image metrics, lesions, paired tests, the report."""
