# What the commands of commands.txt share; bash reads it before each of them (BASH_ENV), in a folder made by setup.sh.

# tty COMMAND...: run it in a terminal of 100 columns, so that it draws with carriage returns and colours. A command
# of one word is a line for the shell.
tty() {
    local line=$1
    (($# > 1)) && printf -v line '%q ' "$@"
    script -qec "stty cols 100 rows 24; $line" /dev/null </dev/null
}

# served PORT 'SERVER' COMMAND...: start a server of our own, run COMMAND when it listens on the loopback, end the server.
served() {
    local port=$1 server=$2 pid
    shift 2
    bash -c "exec $server" &
    pid=$!
    for _ in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
        sleep 0.1
    done
    bash -c "$*"
    kill -INT "$pid" 2>/dev/null
    sleep 0.7
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

# asked PORT: a few requests such as a browser and a health check make.
asked() {
    for i in 1 2 3 4 5 6; do
        curl -s -o /dev/null "http://127.0.0.1:$1/?page=$i&step=$i"
        curl -s -o /dev/null -A "kube-probe/1.29" "http://127.0.0.1:$1/health"
        curl -s -o /dev/null "http://127.0.0.1:$1/static/app-$i.js"
    done
}
