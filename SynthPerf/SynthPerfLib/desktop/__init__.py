"""What touches Slicer: the panel, the scene's images, work between two events. Imported in Slicer only."""
