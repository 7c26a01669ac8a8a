#compdef airgap
# Completion of airgap for zsh. Nothing that airgap answers is evaluated.
_airgap() {
    local -a before answer described
    local line
    before=("${(@Q)words[2,CURRENT-1]}")
    (( CURRENT > 2 )) || before=()
    answer=("${(@f)$(_AIRGAP_COMPLETE=zsh airgap -- "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)}")
    case "${answer[1]}" in
        files) _files; return ;;
        folders) _files -/; return ;;
    esac
    for line in "${(@)answer[2,-1]}"; do
        if [[ "$line" == *$'\t'* ]]; then
            described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        else
            described+=("${line//:/\\:}")
        fi
    done
    (( ${#described} )) && _describe 'airgap' described
}
if [[ "${funcstack[1]}" == _airgap ]]; then
    _airgap "$@"
else
    (( ${+functions[compdef]} )) || { autoload -Uz compinit && compinit -i; }
    compdef _airgap airgap
fi
