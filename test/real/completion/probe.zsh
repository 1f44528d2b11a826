# zsh -f probe.zsh SCRIPT LINE: what an interactive zsh with that script offers at the end of LINE, a word a line.
zmodload zsh/zpty || exit 1
typeset line= all=
zpty shell zsh -f -i
zpty -w shell "source ${(q)0:A:h}/inside.zsh ${(q)1}"
zpty -r -m shell line "*READY*" || exit 1
zpty -w -n shell "$2"$'\t'
while zpty -r shell line; do
  all+=$line
  [[ $line == *'<<<END'* ]] && break
done
print -r -- "$all" | tr -d '\r' | sed -n 's/^.*>>>\(.*\)<<<$/\1/p'
zpty -d shell
