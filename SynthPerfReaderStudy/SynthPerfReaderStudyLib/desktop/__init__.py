"""The seat in Slicer: the panel of the module, and the reading mode that Slicer becomes while somebody reads.

There is no reading logic here: :mod:`..session` decides, what is shown are its views. Imported in Slicer only, and only
once the libraries of a study are installed (:mod:`.start` sees to that).
"""
