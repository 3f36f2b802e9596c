"""Reader statistics: plain functions on arrays, each with the source of its formula."""
