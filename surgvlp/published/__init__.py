"""The functions of the published `surgvlp` package, under their published names; `surgvlp` hands them out."""
