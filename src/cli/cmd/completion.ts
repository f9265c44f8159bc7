import { defineVerb } from "../core/command.ts";

export const completion = defineVerb({
  meta: {
    name: "completion",
    description: "Print the completion script of a shell",
    about: `The script completes verbs, flags, kinds and the names of objects. Names come from the server, which has
      150 ms to answer; they are cached for 10 seconds.`,
    usage: "bash|zsh|fish",
    examples: [
      ["source <(mcpctl completion bash)", "For bash, in ~/.bashrc"],
      ["source <(mcpctl completion zsh)", "For zsh, in ~/.zshrc after compinit"],
      ["mcpctl completion fish | source", "For fish, in ~/.config/fish/config.fish"],
    ],
  },
  args: { shell: { type: "positional", options: ["bash", "zsh", "fish"] } },
  async run(args, context) {
    context.terminal.out(scripts[args.shell]);
  },
});

// Each passes the words up to the cursor to `mcpctl __complete`, which prints one candidate on each line. `--` comes
// first, so that typed flags are words. Nothing that the user has typed is evaluated.
/** The completion script of each shell. */
export const scripts = {
  bash: `# mcpctl completion for bash
_mcpctl() {
  local current="\${COMP_WORDS[COMP_CWORD]}" candidate
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    [[ $candidate == "$current"* ]] && COMPREPLY+=("$candidate")
  done < <(mcpctl __complete -- "\${words[@]}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]] && compopt -o nospace
}
complete -o default -F _mcpctl mcpctl
`,
  zsh: `#compdef mcpctl
_mcpctl() {
  local -a candidates
  local value about
  while IFS=$'\\t' read -r value about; do
    candidates+=("\${value//:/\\\\:}\${about:+:$about}")
  done < <(mcpctl __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#candidates} )); then _describe mcpctl candidates; else _files; fi
}
compdef _mcpctl mcpctl
`,
  fish: `# mcpctl completion for fish
function __mcpctl_complete
    set -l words (commandline -opc)[2..-1] (commandline -ct)
    mcpctl __complete -- $words 2>/dev/null
end
complete -c mcpctl -a '(__mcpctl_complete)'
`,
} as const;
