"""Training: a recipe and a prepared cohort in, a bundle out."""
