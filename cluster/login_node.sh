#!/usr/bin/env bash
# The coordinator on a login node, where it outlives the terminal; its workers are jobs, as the cluster file says:
#
#     cluster/login_node.sh config.toml
#
# Further arguments go to `landscape-dist run`: --cluster another.toml, --jobs 20, --adapt 0:100, --store ...
set -m # the coordinator keeps its Ctrl-C
log=landscape-$(date +%Y%m%d-%H%M%S).log
# --steal: a coordinator that was killed on another login node does not stand in the way; one that lives does
nohup landscape-dist run --cluster cluster/slurm.toml --steal "$@" >"$log" 2>&1 &
echo "process $! writes $log; kill -INT $! ends it cleanly, the same command goes on"
