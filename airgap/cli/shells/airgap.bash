# Completion of airgap for bash. Nothing that airgap answers is evaluated.
_airgap_completion() {
    local -a answer
    mapfile -t answer < <(_AIRGAP_COMPLETE=bash airgap -- "${COMP_LINE:0:COMP_POINT}" "${COMP_WORDS[COMP_CWORD]}" 2>/dev/null)
    COMPREPLY=("${answer[@]:1}")
    case "${answer[0]}" in
        files) compopt -o default -o filenames ;;
        folders) compopt +o default -o dirnames -o filenames ;;
        *) compopt +o default +o dirnames ;;
    esac
}
complete -o default -F _airgap_completion airgap
