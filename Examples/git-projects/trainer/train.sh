# Keeps the words that occur often enough: as small as a model can be.
awk -v smallest="$2" '$1 >= smallest {print $2}' "$1" > "$3"
echo "words=$(wc -l < "$3")" >> "$SWIFTFLOW_OUTPUT"
