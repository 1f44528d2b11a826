import { argumentsOf, type Dialect, descents, perCommand, posixQuote, values } from "./cases.ts";
import type { CommandNode } from "./tree.ts";

const BASH: Dialect = {
  branch: (patterns, body) => `${patterns.join("|")}) ${body} ;;`,
  quote: posixQuote,
  beginning: (text) => `${posixQuote(text)}*`,
  descend: (path) => `at=${posixQuote(path)}; taken=0`,
  print: (words) => `echo ${words}`,
};

/** The script for bash 4 and newer, which needs nothing else. Names with blanks in them are offered quoted. */
export function bashScript(nodes: readonly CommandNode[]): string {
  return `# bash completion of pilotlight. In ~/.bashrc: source <(pilotlight completion bash)
_pilotlight() {
  local cur=\${COMP_WORDS[COMP_CWORD]} at= takes= kind= taken=0 word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $takes ]]; then takes=; continue; fi
    if [[ $word == -* ]]; then takes=$(_pilotlight_value "$at/$word"); continue; fi
    case "$at/$word" in
${descents(nodes, BASH)}
    *) taken=$((taken + 1)) ;;
    esac
  done
  if [[ -n $takes ]]; then
    kind=$takes
  elif [[ $cur == -* ]]; then
    kind="words $(_pilotlight_options "$at")"
  else
    kind=$(_pilotlight_argument "$at/$taken")
  fi
  [[ $kind == commands ]] && kind="words $(_pilotlight_commands "$at")"
  case $kind in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    words\\ *) mapfile -t COMPREPLY < <(compgen -W "\${kind#words }" -- "$cur") ;;
    agent|machine|profile)
      # Names may have blanks in them, and what is typed of one may be quoted already.
      local typed=\${cur//\\\\/}
      typed=\${typed#[\\'\\"]}
      while IFS= read -r word; do
        [[ -n $word && $word == "$typed"* ]] && COMPREPLY+=("$(printf %q "$word")")
      done < <("\${COMP_WORDS[0]}" __complete "$kind" 2>/dev/null) ;;
  esac
}
_pilotlight_value() {
  case $1 in
${values(nodes, BASH)}
  esac
}
_pilotlight_options() {
  case $1 in
${perCommand(nodes, BASH, ({ options }) => options.flatMap(({ flags }) => flags))}
  esac
}
_pilotlight_commands() {
  case $1 in
${perCommand(nodes, BASH, ({ commands }) => commands.map(({ name }) => name))}
  esac
}
_pilotlight_argument() {
  case $1 in
${argumentsOf(nodes, BASH)}
  esac
}
complete -F _pilotlight pilotlight
`;
}
