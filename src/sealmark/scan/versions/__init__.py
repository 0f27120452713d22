"""How each ecosystem orders versions: one file per ecosystem."""
