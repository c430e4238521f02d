"""Models in other formats, one file a format, and the check that every artefact passes before it is delivered."""
