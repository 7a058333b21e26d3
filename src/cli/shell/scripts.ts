export type Shell = "bash" | "zsh" | "fish";

/** What stands for the files of a directory among the words that are offered. */
export const FILES_MARK = ":files";

/*
 * Each asks the program itself, `paddock completion words -- WORD…`, which answers a line for each word, its explanation behind a tab.
 */

const BASH = `# bash completion of paddock: source <(paddock completion bash)
_paddock() {
    local cur=\${COMP_WORDS[COMP_CWORD]} line word
    COMPREPLY=()
    [[ $cur == "=" ]] && cur=
    while IFS= read -r line; do
        if [[ $line == ${FILES_MARK} ]]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur")
        else
            word=\${line%%$'\\t'*}
            [[ $word == "$cur"* ]] && COMPREPLY+=("$(printf %q "$word")")
        fi
    done < <("\${COMP_WORDS[0]}" completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _paddock paddock
`;

const ZSH = `#compdef paddock
# zsh completion of paddock: source <(paddock completion zsh), or a file _paddock in $fpath
_paddock() {
    local line files= word
    local -a described
    for line in "\${(@f)$("\${words[1]}" completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -z $line ]] && continue
        if [[ $line == ${FILES_MARK} ]]; then files=1; continue; fi
        word=\${line%%$'\\t'*}
        described+=("\${word//:/\\\\:}:\${line#*$'\\t'}")
    done
    (( \${#described} )) && _describe -t words paddock described
    [[ -n $files ]] && _files
}
if [[ $funcstack[1] == _paddock ]]; then _paddock "$@"; elif (( $+functions[compdef] )); then compdef _paddock paddock; fi
`;

const FISH = `# fish completion of paddock: paddock completion fish | source
function __paddock_words
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] completion words -- $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = "${FILES_MARK}"
            __fish_complete_path "$current"
        else
            printf '%s\\n' $line
        end
    end
end
complete -c paddock -f -k -a '(__paddock_words)'
`;

/** The script by which a shell completes the words of this program. */
export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
