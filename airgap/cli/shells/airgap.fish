# Completion of airgap for fish. Nothing that airgap answers is evaluated.
function __airgap_answer
    set -l before (commandline -opc)
    set -l typed (commandline -ct)
    set -l answer (env _AIRGAP_COMPLETE=fish airgap -- $before[2..-1] "$typed" 2>/dev/null)
    switch "$answer[1]"
        case files
            __fish_complete_path "$typed"
        case folders
            __fish_complete_directories "$typed"
        case '*'
            test (count $answer) -gt 1; and printf '%s\n' $answer[2..-1]
    end
end
complete -c airgap -f -a '(__airgap_answer)'
