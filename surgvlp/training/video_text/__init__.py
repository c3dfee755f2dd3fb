"""Videos against texts at clip, keystep and video level: SurgVLP, HecVL, PeskaVLP."""
