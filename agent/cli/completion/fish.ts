import { argumentsOf, type Dialect, descents, perCommand, values } from "./cases.ts";
import type { CommandNode } from "./tree.ts";

const FISH: Dialect = {
  branch: (patterns, body) => `case ${patterns.join(" ")}\n            ${body}`,
  quote: fishQuote,
  beginning: (text) => fishQuote(`${text}*`),
  descend: (path) => `set at ${fishQuote(path)}; set taken 0`,
  print: (words) => `printf '%s\\n' ${words}`,
};

/** The script for fish 3: it may stand in ~/.config/fish/completions/pilotlight.fish. */
export function fishScript(nodes: readonly CommandNode[]): string {
  return `# fish completion of pilotlight. In ~/.config/fish/config.fish: pilotlight completion fish | source
function __pilotlight_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l at ''
    set -l taken 0
    set -l takes
    for word in $words
        if set -q takes[1]
            set takes
            continue
        end
        if string match -q -- '-*' $word
            set takes (__pilotlight_value "$at/$word")
            continue
        end
        switch "$at/$word"
${descents(nodes, FISH)}
            case '*'
                set taken (math $taken + 1)
        end
    end
    set -l kind $takes
    if not set -q kind[1]
        if string match -q -- '-*' $cur
            __pilotlight_options "$at"
            return
        end
        set kind (__pilotlight_argument "$at/$taken")
    end
    switch "$kind"
        case commands
            __pilotlight_commands "$at"
        case file
            __fish_complete_path $cur
        case 'words *'
            string split ' ' (string replace 'words ' '' $kind)
        case agent machine profile
            $program __complete $kind 2>/dev/null
    end
end
function __pilotlight_value
    switch $argv[1]
${values(nodes, FISH)}
    end
end
function __pilotlight_options
    switch $argv[1]
${perCommand(nodes, FISH, ({ options }) => options.flatMap(({ flags, description }) => flags.map((flag) => `${flag}\t${description}`)))}
    end
end
function __pilotlight_commands
    switch $argv[1]
${perCommand(nodes, FISH, ({ commands }) => commands.map(({ name, description }) => `${name}\t${description}`))}
    end
end
function __pilotlight_argument
    switch $argv[1]
${argumentsOf(nodes, FISH)}
    end
end
complete -c pilotlight -f -a '(__pilotlight_complete)'
`;
}

/** Between single quotes fish knows the escapes \\' and \\\\ alone. */
function fishQuote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
