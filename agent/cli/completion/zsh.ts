import { argumentsOf, type Dialect, descents, perCommand, posixQuote, values } from "./cases.ts";
import type { CommandNode } from "./tree.ts";

const ZSH: Dialect = {
  branch: (patterns, body) => `${patterns.join("|")}) ${body} ;;`,
  quote: posixQuote,
  beginning: (text) => `${posixQuote(text)}*`,
  descend: (path) => `at=${posixQuote(path)}; taken=0`,
  print: (words) => `print -rl -- ${words}`,
};

/** The script for zsh 5: a function that `compdef` registers, or that stands in a folder of `fpath` as `_pilotlight`. */
export function zshScript(nodes: readonly CommandNode[]): string {
  return `#compdef pilotlight
# zsh completion of pilotlight. In ~/.zshrc, after compinit: source <(pilotlight completion zsh)
_pilotlight() {
  local cur=\${(Q)words[CURRENT]} at= takes= kind= word
  local -i taken=0 i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    word=\${(Q)words[i]}
    if [[ -n $takes ]]; then takes=; continue; fi
    if [[ $word == -* ]]; then takes=$(_pilotlight_value "$at/$word"); continue; fi
    case "$at/$word" in
${descents(nodes, ZSH)}
    *) taken+=1 ;;
    esac
  done
  if [[ -n $takes ]]; then
    kind=$takes
  elif [[ $cur == -* ]]; then
    found=("\${(@f)$(_pilotlight_options "$at")}")
    _describe option found
    return
  else
    kind=$(_pilotlight_argument "$at/$taken")
  fi
  case $kind in
    commands) found=("\${(@f)$(_pilotlight_commands "$at")}"); _describe command found ;;
    file) _files ;;
    words\\ *) found=(\${(s: :)\${kind#words }}); compadd -a found ;;
    agent|machine|profile)
      found=("\${(@f)$(\${(Q)words[1]} __complete "$kind" 2>/dev/null)}")
      found=(\${found:#})
      compadd -a found ;;
  esac
}
_pilotlight_value() {
  case $1 in
${values(nodes, ZSH)}
  esac
}
_pilotlight_options() {
  case $1 in
${perCommand(nodes, ZSH, ({ options }) => options.flatMap(({ flags, description }) => flags.map((flag) => described(flag, description))))}
  esac
}
_pilotlight_commands() {
  case $1 in
${perCommand(nodes, ZSH, ({ commands }) => commands.map(({ name, description }) => described(name, description)))}
  esac
}
_pilotlight_argument() {
  case $1 in
${argumentsOf(nodes, ZSH)}
  esac
}
if [[ \${funcstack[1]} == _pilotlight ]]; then
  _pilotlight "$@"
else
  compdef _pilotlight pilotlight
fi
`;
}

/** "--json:print JSON", as \`_describe\` takes it. */
function described(word: string, description: string): string {
  return `${word.replaceAll(":", "\\:")}:${description}`;
}
