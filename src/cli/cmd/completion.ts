import { defineVerb } from "../core/command.ts";

export const completion = defineVerb({
  meta: {
    name: "completion",
    description: "Print the completion script of a shell",
    about: `The script completes verbs, flags, kinds and the names of objects. Names come from the server, which has
      150 ms to answer; they are cached for 10 seconds.`,
    usage: "bash|zsh|fish|powershell",
    examples: [
      ["source <(mcpctl completion bash)", "For bash, in ~/.bashrc"],
      ["source <(mcpctl completion zsh)", "For zsh, in ~/.zshrc after compinit"],
      ["mcpctl completion fish | source", "For fish, in ~/.config/fish/config.fish"],
      ["mcpctl completion powershell | Out-String | Invoke-Expression", "For PowerShell, in $PROFILE"],
    ],
  },
  args: { shell: { type: "positional", options: ["bash", "zsh", "fish", "powershell"] } },
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
  local line="\${COMP_LINE:0:COMP_POINT}" candidate prefix= char
  local words=()
  # Not COMP_WORDS: bash splits --flag=value and User:alice.
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local current="\${words[\${#words[@]}-1]}"
  for char in = :; do
    [[ $COMP_WORDBREAKS == *"$char"* && $current == *"$char"* ]] || continue
    candidate="\${current%"$char"*}$char"
    (( \${#candidate} > \${#prefix} )) && prefix="$candidate"
  done
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    [[ $candidate == "$current"* ]] && COMPREPLY+=("\${candidate#"$prefix"}")
  done < <(mcpctl __complete -- "\${words[@]:1}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *[/=:] ]] && compopt -o nospace
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
    set -l candidates (mcpctl __complete -- $words 2>/dev/null)
    if set -q candidates[1]
        printf '%s\\n' $candidates
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c mcpctl -f -a '(__mcpctl_complete)'
`,
  powershell: `# mcpctl completion for PowerShell
Register-ArgumentCompleter -Native -CommandName mcpctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })
    if ($wordToComplete -eq '') { $words += '' }
    & mcpctl __complete -- @words 2>$null | ForEach-Object {
        $value, $about = $_ -split "\`t", 2
        if (-not $about) { $about = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $about)
    }
}
`,
} as const;
