"""From a perfusion series to its map: IVIM, DSC, ASL; and regions measured on maps."""
