package culprit

// A Kind is what a record means, in snake case. The list is closed: a parser gives
// one of these or none. Comments here are the source of docs/formats.md.
type Kind string

// Kinds of nginx's error log.
const (
	// KindUpstreamConnectFailed: nginx could not connect to an upstream (refused, unreachable, no socket, no permission); errno says which.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 08:22:33 [error] 287#287: *1624 connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.182, server: shop.example.com, request: "GET /api/products HTTP/1.1", upstream: "http://127.0.0.1:3000/products", host: "shop.example.com"
	KindUpstreamConnectFailed Kind = "upstream_connect_failed"

	// KindUpstreamReset: the upstream reset a connection that was open.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 08:22:32 [error] 288#288: *1590 recv() failed (104: Connection reset by peer) while reading response header from upstream, client: 198.51.100.15, server: shop.example.com, request: "GET /api/cart/7 HTTP/1.1", upstream: "http://127.0.0.1:3000/cart/7", host: "shop.example.com"
	KindUpstreamReset Kind = "upstream_reset"

	// KindUpstreamPrematureClose: the upstream closed the connection before its response was complete.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 17:47:56 [error] 1485#1485: *2459 upstream prematurely closed connection while reading response header from upstream, client: 203.0.113.158, server: books.example, request: "GET /preview/8119 HTTP/1.1", upstream: "http://127.0.0.1:3300/preview/8119", host: "books.example"
	KindUpstreamPrematureClose Kind = "upstream_premature_close"

	// KindUpstreamTimeout: the upstream did not answer in time; phase tells connecting from reading.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 08:22:29 [error] 288#288: *1135 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 198.51.100.15, server: shop.example.com, request: "GET /api/recommendations HTTP/1.1", upstream: "http://127.0.0.1:3000/recommendations", host: "shop.example.com"
	KindUpstreamTimeout Kind = "upstream_timeout"

	// KindUpstreamNoLive: every server of an upstream group was marked as failed; names the group, not an address.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 13:11:07 [error] 1510#1510: *1947 no live upstreams while connecting to upstream, client: 198.51.100.56, server: reports.example.com, request: "GET /report/1596 HTTP/1.1", upstream: "http://reports_pool/report/1596", host: "reports.example.com"
	KindUpstreamNoLive Kind = "upstream_no_live"

	// KindUpstreamDisabled: a server of an upstream group was taken out for fail_timeout.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 13:11:07 [warn] 1510#1510: *1946 upstream server temporarily disabled while connecting to upstream, client: 198.51.100.56, server: reports.example.com, request: "GET /report/1 HTTP/1.1", upstream: "http://127.0.0.1:5002/report/1", host: "reports.example.com"
	KindUpstreamDisabled Kind = "upstream_disabled"

	// KindUpstreamSSLFailed: TLS to the upstream failed.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream, client: 192.0.2.9, server: a.example, request: "GET / HTTP/1.1", upstream: "https://192.0.2.4:443/", host: "a.example"
	KindUpstreamSSLFailed Kind = "upstream_ssl_failed"

	// KindUpstreamHeaderTooBig: the upstream's response header did not fit the buffer.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 upstream sent too big header while reading response header from upstream, client: 192.0.2.9, server: a.example, request: "GET /login HTTP/1.1", upstream: "http://127.0.0.1:3000/login", host: "a.example"
	KindUpstreamHeaderTooBig Kind = "upstream_header_too_big"

	// KindUpstreamBadResponse: the upstream sent something that is no valid response.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 upstream sent invalid header while reading response header from upstream, client: 192.0.2.9, server: a.example, request: "GET / HTTP/1.1", upstream: "http://127.0.0.1:3000/", host: "a.example"
	KindUpstreamBadResponse Kind = "upstream_bad_response"

	// KindUpstreamStderr: what a FastCGI application wrote to its standard error.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 FastCGI sent in stderr: "PHP message: PHP Fatal error:  Uncaught Error" while reading response header from upstream, client: 192.0.2.9, server: a.example, request: "GET / HTTP/1.1", upstream: "fastcgi://unix:/run/php.sock:", host: "a.example"
	KindUpstreamStderr Kind = "upstream_stderr"

	// KindResolveFailed: the name of an upstream did not resolve at run time.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 api.internal could not be resolved (3: Host not found), client: 192.0.2.9, server: a.example, request: "GET / HTTP/1.1", host: "a.example"
	KindResolveFailed Kind = "resolve_failed"

	// KindConfigUpstreamHostNotFound: nginx did not start because an upstream's name did not resolve.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [emerg] 7#7: host not found in upstream "app" in /etc/nginx/conf.d/default.conf:5
	KindConfigUpstreamHostNotFound Kind = "config_upstream_host_not_found"

	// KindConfigError: nginx refused its configuration.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [emerg] 7#7: unknown directive "proxy_passs" in /etc/nginx/sites-enabled/shop:12
	KindConfigError Kind = "config_error"

	// KindConfigWarning: nginx took its configuration with a warning.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [warn] 7#7: conflicting server name "a.example" on 0.0.0.0:80, ignored
	KindConfigWarning Kind = "config_warning"

	// KindFileError: nginx could not open, read or write a file.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 open() "/var/www/html/favicon.ico" failed (2: No such file or directory), client: 192.0.2.9, server: a.example, request: "GET /favicon.ico HTTP/1.1", host: "a.example"
	KindFileError Kind = "file_error"

	// KindRateLimited: nginx itself answered: limit_req or limit_conn.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 limiting requests, excess: 20.500 by zone "api", client: 203.0.113.254, server: a.example, request: "GET / HTTP/1.1", host: "a.example"
	KindRateLimited Kind = "rate_limited"

	// KindTLSFailed: TLS with a client failed.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [crit] 7#7: *9 SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking, client: 192.0.2.9, server: 0.0.0.0:443
	KindTLSFailed Kind = "tls_failed"

	// KindResourceExhausted: nginx ran out of descriptors, connections, memory or space.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [alert] 7#7: 1024 worker_connections are not enough
	KindResourceExhausted Kind = "resource_exhausted"

	// KindBindFailed: nginx could not listen on its own address.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [emerg] 7#7: bind() to 0.0.0.0:80 failed (98: Address already in use)
	KindBindFailed Kind = "bind_failed"

	// KindWorkerExited: a worker process of nginx ended by itself or by a signal.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [alert] 7#7: worker process 42 exited on signal 9
	KindWorkerExited Kind = "worker_exited"

	// KindWorkerRespawnFailed: nginx could not start a worker process again.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [alert] 7#7: worker process 42 exited with fatal code 2 and cannot be respawned
	KindWorkerRespawnFailed Kind = "worker_respawn_failed"

	// KindNginxNotice: the master's own life cycle: start, reload, signal, exit.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [notice] 7#7: signal 1 (SIGHUP) received from 99, reconfiguring
	KindNginxNotice Kind = "nginx_notice"

	// KindBodyTooLarge: a request body over client_max_body_size.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 client intended to send too large body: 10485761 bytes, client: 192.0.2.9, server: a.example, request: "POST /upload HTTP/1.1", host: "a.example"
	KindBodyTooLarge Kind = "body_too_large"

	// KindBufferedToDisk: a request or response was written to a temporary file.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [warn] 7#7: *9 a client request body is buffered to a temporary file /var/lib/nginx/body/0000000001, client: 192.0.2.9, server: a.example, request: "POST / HTTP/1.1", host: "a.example"
	KindBufferedToDisk Kind = "buffered_to_disk"

	// KindAuthFailed: nginx refused a client's credentials.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 user "bob" was not found in "/etc/nginx/.htpasswd", client: 192.0.2.9, server: a.example, request: "GET /admin HTTP/1.1", host: "a.example"
	KindAuthFailed Kind = "auth_failed"

	// KindLuaError: an error of OpenResty's Lua code.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 lua entry thread aborted: runtime error: access.lua:3: attempt to index a nil value, client: 192.0.2.9, server: a.example, request: "GET / HTTP/1.1", host: "a.example"
	KindLuaError Kind = "lua_error"

	// KindWAF: a web application firewall inside nginx acted.
	//
	// Sources: nginx_error.
	//
	// Sample: 2026/11/22 10:00:01 [error] 7#7: *9 ModSecurity: Access denied with code 403 (phase 2), client: 192.0.2.9, server: a.example, request: "GET /?id=1 HTTP/1.1", host: "a.example"
	KindWAF Kind = "waf"
)

// Kinds of nginx's access log.
const (
	// KindHTTPRequest: an answered request; final_status is the last of upstream_status, else status.
	//
	// Sources: nginx_access.
	//
	// Sample: 203.0.113.186 - - [22/Nov/2026:17:46:08 +0900] "GET /statements HTTP/1.1" 200 295 "-" "Mozilla/5.0"
	KindHTTPRequest Kind = "http_request"

	// KindHTTP5xx: a request that failed with 5xx.
	//
	// Sources: nginx_access.
	//
	// Sample: 203.0.113.186 - - [22/Nov/2026:17:47:57 +0900] "GET /statements HTTP/1.1" 502 157 "-" "Mozilla/5.0"
	KindHTTP5xx Kind = "http_5xx"

	// KindHTTPClientClosed: a client that gave up waiting (nginx's own status 499).
	//
	// Sources: nginx_access.
	//
	// Sample: 203.0.113.186 - - [22/Nov/2026:17:47:57 +0900] "GET /slow HTTP/1.1" 499 0 "-" "Mozilla/5.0"
	KindHTTPClientClosed Kind = "http_client_closed"
)

// Kinds of the kernel.
const (
	// KindOOMKill: the kernel killed a process for memory; one record for the whole report.
	//
	// Sources: kernel.
	//
	// Sample: Memory cgroup out of memory: Killed process 232 (node) total-vm:11774388kB, anon-rss:304796kB, file-rss:27768kB, shmem-rss:0kB, UID:999 pgtables:1584kB oom_score_adj:0
	KindOOMKill Kind = "oom_kill"

	// KindOOMReaped: the memory of a killed process was taken back.
	//
	// Sources: kernel.
	//
	// Sample: oom_reaper: reaped process 232 (node), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB
	KindOOMReaped Kind = "oom_reaped"

	// KindSegfault: a process died of a bad memory access.
	//
	// Sources: kernel.
	//
	// Sample: node[4242]: segfault at 0 ip 00007f2a3c0 sp 00007ffd0 error 4 in addon.node[7f2a3c000000+5000]
	KindSegfault Kind = "segfault"

	// KindDiskFull: no space, inodes or quota left on a file system.
	//
	// Sources: kernel.
	//
	// Sample: EXT4-fs warning (device vda1): ext4_dx_add_entry:2493: Directory index full!
	KindDiskFull Kind = "disk_full"

	// KindIOError: a disk did not answer or answered with an error.
	//
	// Sources: kernel.
	//
	// Sample: blk_update_request: I/O error, dev sda, sector 2048 op 0x0:(READ)
	KindIOError Kind = "io_error"

	// KindLockup: the kernel noticed that a processor or a task stood still.
	//
	// Sources: kernel.
	//
	// Sample: watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [node:4242]
	KindLockup Kind = "lockup"

	// KindSYNFlood: a listener's queue overflowed.
	//
	// Sources: kernel.
	//
	// Sample: TCP: request_sock_TCP: Possible SYN flooding on port 3000. Sending cookies.
	KindSYNFlood Kind = "syn_flood"

	// KindConntrackFull: the connection tracking table is full and packets are dropped.
	//
	// Sources: kernel.
	//
	// Sample: nf_conntrack: nf_conntrack: table full, dropping packet
	KindConntrackFull Kind = "conntrack_full"

	// KindNetExhausted: the network stack ran out of sockets or memory.
	//
	// Sources: kernel.
	//
	// Sample: TCP: out of memory -- consider tuning tcp_mem
	KindNetExhausted Kind = "net_exhausted"

	// KindFilesExhausted: the machine's limit on open files was reached.
	//
	// Sources: kernel.
	//
	// Sample: VFS: file-max limit 65536 reached
	KindFilesExhausted Kind = "files_exhausted"

	// KindPIDsExhausted: a control group may not start more processes.
	//
	// Sources: kernel.
	//
	// Sample: cgroup: fork rejected by pids controller in /system.slice/shop-api.service
	KindPIDsExhausted Kind = "pids_exhausted"

	// KindKernelPanic: the kernel died.
	//
	// Sources: kernel.
	//
	// Sample: Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is enabled
	KindKernelPanic Kind = "kernel_panic"

	// KindBoot: the kernel started.
	//
	// Sources: kernel.
	//
	// Sample: Linux version 6.1.0-28-amd64 (debian-kernel@lists.debian.org) (gcc-12) #1 SMP
	KindBoot Kind = "boot"
)

// Kinds of systemd.
const (
	// KindStarting: a unit begins to start.
	//
	// Sources: systemd.
	//
	// Sample: Starting shop-api.service - Shop API (NestJS)...
	KindStarting Kind = "starting"

	// KindStarted: a unit has started.
	//
	// Sources: systemd.
	//
	// Sample: Started shop-api.service - Shop API (NestJS).
	KindStarted Kind = "started"

	// KindStopping: a unit is being stopped on someone's order.
	//
	// Sources: systemd.
	//
	// Sample: Stopping shop-api.service - Shop API (NestJS)...
	KindStopping Kind = "stopping"

	// KindStopped: a unit or program was stopped in order.
	//
	// Sources: systemd, supervisor, pm2.
	//
	// Sample: Stopped shop-api.service - Shop API (NestJS).
	KindStopped Kind = "stopped"

	// KindReloading: a unit takes its configuration again.
	//
	// Sources: systemd.
	//
	// Sample: Reloading nginx.service - A high performance web server and a reverse proxy server...
	KindReloading Kind = "reloading"

	// KindDeactivated: a unit is inactive without a failure.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Deactivated successfully.
	KindDeactivated Kind = "deactivated"

	// KindMainExited: the main process of a unit ended; exit_code_kind and status say how.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Main process exited, code=killed, status=9/KILL
	KindMainExited Kind = "main_exited"

	// KindControlExited: a control process (ExecStartPre, ExecReload, ...) ended.
	//
	// Sources: systemd.
	//
	// Sample: nginx.service: Control process exited, code=exited, status=1/FAILURE
	KindControlExited Kind = "control_exited"

	// KindFailedResult: a unit failed; result is systemd's word for why.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Failed with result 'oom-kill'.
	KindFailedResult Kind = "failed_result"

	// KindStartFailed: a job to start a unit failed.
	//
	// Sources: systemd.
	//
	// Sample: Failed to start shop-api.service - Shop API (NestJS).
	KindStartFailed Kind = "start_failed"

	// KindEnteredFailed: a unit entered the failed state (systemd before 245).
	//
	// Sources: systemd.
	//
	// Sample: Unit shop-api.service entered failed state.
	KindEnteredFailed Kind = "entered_failed"

	// KindRestartScheduled: systemd will start the unit again; restart_counter counts.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Scheduled restart job, restart counter is at 1.
	KindRestartScheduled Kind = "restart_scheduled"

	// KindRestartDelayExpired: the pause before a restart is over (systemd before 245).
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Service hold-off time over, scheduling restart.
	KindRestartDelayExpired Kind = "restart_delay_expired"

	// KindStartLimitHit: systemd gives up: too many starts in the interval.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Start request repeated too quickly.
	KindStartLimitHit Kind = "start_limit_hit"

	// KindUnitOOMKill: a process of the unit was killed by the OOM killer, as systemd saw it.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: A process of this unit has been killed by the OOM killer.
	KindUnitOOMKill Kind = "unit_oom_kill"

	// KindOOMDKill: systemd-oomd killed a cgroup for memory pressure or swap.
	//
	// Sources: systemd-oomd.
	//
	// Sample: Killed /system.slice/shop-api.service due to memory pressure for /system.slice being 50.53% > 50.00% for > 20s with reclaim activity
	KindOOMDKill Kind = "oomd_kill"

	// KindKillingProcess: systemd sends a signal to a process of the unit.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Killing process 1477 (node) with signal SIGKILL.
	KindKillingProcess Kind = "killing_process"

	// KindStopTimeout: a unit did not stop in time.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: State 'stop-sigterm' timed out. Killing.
	KindStopTimeout Kind = "stop_timeout"

	// KindStartTimeout: a unit did not start in time.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: start operation timed out. Terminating.
	KindStartTimeout Kind = "start_timeout"

	// KindWatchdogTimeout: a unit did not report to its watchdog.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Watchdog timeout (limit 30s)!
	KindWatchdogTimeout Kind = "watchdog_timeout"

	// KindSpawnFailed: systemd could not execute the unit's command.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Failed at step EXEC spawning /usr/bin/nodee: No such file or directory
	KindSpawnFailed Kind = "spawn_failed"

	// KindCoredump: a process dumped core.
	//
	// Sources: systemd-coredump.
	//
	// Sample: Process 1478 (node) of user 999 dumped core.
	KindCoredump Kind = "coredump"

	// KindConsumed: what a unit used while it ran.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Consumed 8.123s CPU time.
	KindConsumed Kind = "consumed"

	// KindSkipped: a unit was not started because a condition failed.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service was skipped because of an unmet condition check (ConditionPathExists=/srv/shop).
	KindSkipped Kind = "skipped"

	// KindCgroupError: systemd could not handle a unit's cgroup.
	//
	// Sources: systemd.
	//
	// Sample: shop-api.service: Failed to kill control group /system.slice/shop-api.service, ignoring: Input/output error
	KindCgroupError Kind = "cgroup_error"

	// KindJournalSuppressed: journald dropped entries of a unit: a gap.
	//
	// Sources: systemd-journald.
	//
	// Sample: Suppressed 1234 messages from shop-api.service
	KindJournalSuppressed Kind = "journal_suppressed"

	// KindTimeJump: the clock was set.
	//
	// Sources: systemd, systemd-journald.
	//
	// Sample: Time jumped backwards, rotating.
	KindTimeJump Kind = "time_jump"

	// KindHostShutdown: the machine is going down.
	//
	// Sources: systemd, systemd-logind.
	//
	// Sample: System is powering down.
	KindHostShutdown Kind = "host_shutdown"

	// KindHostStarted: the machine has come up.
	//
	// Sources: systemd.
	//
	// Sample: Startup finished in 2.113s (kernel) + 8.201s (userspace) = 10.314s.
	KindHostStarted Kind = "host_started"
)

// Kinds of process managers.
const (
	// KindSupervisorStarted: supervisord itself started.
	//
	// Sources: supervisor.
	//
	// Sample: 2026-11-22 17:45:59,983 INFO supervisord started with pid 1476
	KindSupervisorStarted Kind = "supervisor_started"

	// KindSupervisorSignal: supervisord received a signal.
	//
	// Sources: supervisor.
	//
	// Sample: 2026-11-22 17:45:59,983 WARN received SIGTERM indicating exit request
	KindSupervisorSignal Kind = "supervisor_signal"

	// KindSupervisorInfo: other lines of supervisord.
	//
	// Sources: supervisor.
	//
	// Sample: 2026-11-22 17:45:59,980 INFO RPC interface 'supervisor' initialized
	KindSupervisorInfo Kind = "supervisor_info"

	// KindDaemonStarted: PM2's daemon started.
	//
	// Sources: pm2.
	//
	// Sample: 2026-11-22T10:00:00: PM2 log: ===== PM2 daemon started =====
	KindDaemonStarted Kind = "daemon_started"

	// KindSpawned: a program was started.
	//
	// Sources: supervisor, pm2.
	//
	// Sample: 2026-11-22 17:46:01,135 INFO spawned: 'ledger' with pid 1504
	KindSpawned Kind = "spawned"

	// KindRunning: a program stayed up long enough to count as running.
	//
	// Sources: supervisor, pm2.
	//
	// Sample: 2026-11-22 17:46:07,878 INFO success: ledger entered RUNNING state, process has stayed up for > than 6 seconds (startsecs)
	KindRunning Kind = "running"

	// KindExited: a program or container ended by itself.
	//
	// Sources: supervisor, pm2, docker.
	//
	// Sample: 2026-11-22 17:48:01,783 WARN exited: ledger (exit status 1; not expected)
	KindExited Kind = "exited"

	// KindWaiting: the manager waits for programs to stop or die.
	//
	// Sources: supervisor.
	//
	// Sample: 2026-11-22 19:51:00,671 INFO waiting for orders to stop
	KindWaiting Kind = "waiting"

	// KindFatal: the manager gave up starting a program.
	//
	// Sources: supervisor, pm2.
	//
	// Sample: 2026-11-22 17:48:21,209 INFO gave up: ledger entered FATAL state, too many start retries too quickly
	KindFatal Kind = "fatal"

	// KindKilling: the manager kills a program that does not stop.
	//
	// Sources: supervisor, pm2.
	//
	// Sample: 2026-11-22 17:48:21,209 WARN killing 'ledger' (1504) with SIGKILL
	KindKilling Kind = "killing"

	// KindKilled: the manager has killed a program.
	//
	// Sources: pm2, docker.
	//
	// Sample: 2026-11-22T10:00:00: PM2 log: pid=1504 msg=process killed
	KindKilled Kind = "killed"

	// KindSpawnError: the manager could not execute a program.
	//
	// Sources: supervisor.
	//
	// Sample: 2026-11-22 17:48:21,209 INFO spawnerr: can't find command 'nodee'
	KindSpawnError Kind = "spawn_error"

	// KindMemoryReport: a memory listener read how much a program uses.
	//
	// Sources: superlance memmon.
	//
	// Sample: RSS of orders:orders is 180576256
	KindMemoryReport Kind = "memory_report"

	// KindMemoryRestart: a manager restarts a program because it uses too much memory.
	//
	// Sources: superlance memmon, pm2, aaPanel.
	//
	// Sample: memmon.py restarted the process named orders:orders at Sun Nov 22 19:51:06 2026 because it was consuming too much memory (180576256 bytes RSS)
	KindMemoryRestart Kind = "memory_restart"

	// KindMemoryLimitExceeded: a manager or listener says that a process is over its memory limit and ends it.
	//
	// Sources: supervisor listeners.
	//
	// Sample: Worker process exceeded allocated memory limit. Terminating process.
	KindMemoryLimitExceeded Kind = "memory_limit_exceeded"

	// KindOOMKilled: a container was killed for memory, as Docker saw it.
	//
	// Sources: docker.
	//
	// Sample: 2026-11-22T10:00:00.000000000Z container oom 4f3c (image=shop-api, name=shop-api)
	KindOOMKilled Kind = "oom_killed"

	// KindContainerStarted: a container was started.
	//
	// Sources: docker.
	//
	// Sample: 2026-11-22T10:00:00.000000000Z container start 4f3c (image=shop-api, name=shop-api)
	KindContainerStarted Kind = "container_started"
)

// Kinds of Node.js.
const (
	// KindModuleNotFound: a module could not be resolved.
	//
	// Sources: node.
	//
	// Sample: Error: Cannot find module './config/app.module'
	KindModuleNotFound Kind = "module_not_found"

	// KindPackagePathNotExported: a package does not export the path that was imported.
	//
	// Sources: node.
	//
	// Sample: Error [ERR_PACKAGE_PATH_NOT_EXPORTED]: Package subpath './lib/x' is not defined by "exports" in /srv/app/node_modules/p/package.json
	KindPackagePathNotExported Kind = "package_path_not_exported"

	// KindModuleExportMissing: an ES module does not export the name that was imported.
	//
	// Sources: node.
	//
	// Sample: SyntaxError: The requested module './a.js' does not provide an export named 'b'
	KindModuleExportMissing Kind = "module_export_missing"

	// KindRequireESM: an ES module was loaded with require.
	//
	// Sources: node.
	//
	// Sample: Error [ERR_REQUIRE_ESM]: require() of ES Module /srv/app/node_modules/p/index.js from /srv/app/main.js not supported.
	KindRequireESM Kind = "require_esm"

	// KindNativeModuleFailed: a native addon is missing or of another ABI.
	//
	// Sources: node.
	//
	// Sample: Error: The module '/srv/app/node_modules/bcrypt/lib/binding/bcrypt_lib.node' was compiled against a different Node.js version using
	KindNativeModuleFailed Kind = "native_module_failed"

	// KindSyntaxError: a source file could not be compiled.
	//
	// Sources: node.
	//
	// Sample:
	//
	//	/srv/shop-api/dist/main.js:12
	//	}
	//	^
	//
	//	SyntaxError: Unexpected token '}'
	//	    at wrapSafe (node:internal/modules/cjs/loader:1378:20)
	//	    at Module._compile (node:internal/modules/cjs/loader:1428:41)
	KindSyntaxError Kind = "syntax_error"

	// KindAddressInUse: the port or socket to listen on was taken.
	//
	// Sources: node.
	//
	// Sample: Error: listen EADDRINUSE: address already in use :::3000
	KindAddressInUse Kind = "address_in_use"

	// KindConnectionFailed: a connection to something that the app needs failed.
	//
	// Sources: node.
	//
	// Sample: Error: connect ECONNREFUSED 127.0.0.1:5432
	KindConnectionFailed Kind = "connection_failed"

	// KindDBConnectionFailed: a database client could not connect, in the words of its library.
	//
	// Sources: node.
	//
	// Sample: [Nest] 232  - 11/22/2026, 8:22:26 AM   ERROR [TypeOrmModule] Unable to connect to the database. Retrying (1)...
	KindDBConnectionFailed Kind = "db_connection_failed"

	// KindDBClientInitFailed: a database client could not be set up.
	//
	// Sources: node.
	//
	// Sample: PrismaClientInitializationError: Can't reach database server at `127.0.0.1:5432`
	KindDBClientInitFailed Kind = "db_client_init_failed"

	// KindPoolExhausted: all connections of a pool were in use for too long.
	//
	// Sources: node.
	//
	// Sample: TimeoutError: ResourceRequest timed out
	KindPoolExhausted Kind = "pool_exhausted"

	// KindUncaughtException: the process died of an error that nothing caught.
	//
	// Sources: node.
	//
	// Sample:
	//
	//	/srv/shop-api/dist/cart.js:12
	//	    return cart.totals;
	//	                ^
	//
	//	TypeError: Cannot read properties of undefined (reading 'totals')
	//	    at total (/srv/shop-api/dist/cart.js:12:17)
	//
	//	Node.js v20.20.2
	KindUncaughtException Kind = "uncaught_exception"

	// KindUnhandledRejection: a promise was rejected and nothing handled it.
	//
	// Sources: node.
	//
	// Sample: (node:232) UnhandledPromiseRejectionWarning: Error: settlement failed
	KindUnhandledRejection Kind = "unhandled_rejection"

	// KindException: an error that was logged; whether the process died of it is not said.
	//
	// Sources: node.
	//
	// Sample: [Nest] 232  - 11/22/2026, 8:22:26 AM   ERROR [ExceptionsHandler] Cannot read properties of undefined (reading 'id')
	KindException Kind = "exception"

	// KindHeapOOM: V8 reached its heap limit and aborted.
	//
	// Sources: node.
	//
	// Sample: FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
	KindHeapOOM Kind = "heap_oom"

	// KindPermissionDenied: the operating system refused access.
	//
	// Sources: node.
	//
	// Sample: Error: EACCES: permission denied, open '/srv/app/.env'
	KindPermissionDenied Kind = "permission_denied"

	// KindNestDependencyError: Nest could not resolve a provider's dependencies.
	//
	// Sources: node.
	//
	// Sample: Nest can't resolve dependencies of the StatementsService (?). Please make sure that the argument RatesService at index [0] is available in the StatementsModule context.
	KindNestDependencyError Kind = "nest_dependency_error"

	// KindConfigMissing: the app refuses to start without a setting.
	//
	// Sources: node.
	//
	// Sample: Error: Missing required environment variable LEDGER_CURRENCY
	KindConfigMissing Kind = "config_missing"

	// KindDeprecationWarning: Node warns of something that will go away.
	//
	// Sources: node.
	//
	// Sample: (node:232) [DEP0005] DeprecationWarning: Buffer() is deprecated
	KindDeprecationWarning Kind = "deprecation_warning"

	// KindNodeWarning: any other warning of the process.
	//
	// Sources: node.
	//
	// Sample: (node:232) MaxListenersExceededWarning: Possible EventEmitter memory leak detected.
	KindNodeWarning Kind = "node_warning"

	// KindAppStarted: the app says that it listens; address and port where it says so.
	//
	// Sources: node.
	//
	// Sample: [Nest] 232  - 11/22/2026, 8:22:26 AM     LOG [Bootstrap] shop-api 1.8.0 listening on http://127.0.0.1:3000 (node v20.20.2)
	KindAppStarted Kind = "app_started"

	// KindAppStarting: the app says that it begins to start.
	//
	// Sources: node.
	//
	// Sample: [Nest] 232  - 11/22/2026, 8:22:26 AM     LOG [NestFactory] Starting Nest application...
	KindAppStarting Kind = "app_starting"

	// KindAppStopping: the app says that it shuts down on a signal.
	//
	// Sources: node.
	//
	// Sample: received SIGTERM, shutting down
	KindAppStopping Kind = "app_stopping"

	// KindAppLog: a line of an application's logger without a meaning of its own.
	//
	// Sources: node.
	//
	// Sample: [Nest] 232  - 11/22/2026, 8:22:26 AM    WARN [RecoService] recommendation cache holds 40 matrices, rss 312 MB
	KindAppLog Kind = "app_log"

	// KindNPMError: npm gave up.
	//
	// Sources: node.
	//
	// Sample: npm ERR! code ELIFECYCLE
	KindNPMError Kind = "npm_error"
)

// Kinds of changes and people.
const (
	// KindDeploy: a release was activated or code was changed.
	//
	// Sources: journal and syslog identifiers, git reflog.
	//
	// Sample: deploy[1566]: shop-api: activating 1.9.0
	KindDeploy Kind = "deploy"

	// KindPackageChange: the system's packages were changed.
	//
	// Sources: apt, dpkg, dnf, unattended-upgrades.
	//
	// Sample: 2026-11-22 06:12:01 upgrade nodejs:amd64 20.19.0-1 20.20.2-1
	KindPackageChange Kind = "package_change"

	// KindCommand: someone ran a command as root.
	//
	// Sources: sudo.
	//
	// Sample: deploy : TTY=pts/0 ; PWD=/home/deploy ; USER=root ; COMMAND=/usr/bin/systemctl restart shop-api
	KindCommand Kind = "command"

	// KindCron: cron ran a job.
	//
	// Sources: cron.
	//
	// Sample: (root) CMD (systemctl restart shop-api)
	KindCron Kind = "cron"

	// KindLogin: someone logged in.
	//
	// Sources: sshd, systemd-logind.
	//
	// Sample: Accepted publickey for deploy from 192.0.2.9 port 50022 ssh2: ED25519 SHA256:x
	KindLogin Kind = "login"
)

// Kinds returns the closed list, in the order of this file.
func Kinds() []Kind { return append([]Kind(nil), kinds...) }

var kinds = []Kind{
	KindUpstreamConnectFailed,
	KindUpstreamReset,
	KindUpstreamPrematureClose,
	KindUpstreamTimeout,
	KindUpstreamNoLive,
	KindUpstreamDisabled,
	KindUpstreamSSLFailed,
	KindUpstreamHeaderTooBig,
	KindUpstreamBadResponse,
	KindUpstreamStderr,
	KindResolveFailed,
	KindConfigUpstreamHostNotFound,
	KindConfigError,
	KindConfigWarning,
	KindFileError,
	KindRateLimited,
	KindTLSFailed,
	KindResourceExhausted,
	KindBindFailed,
	KindWorkerExited,
	KindWorkerRespawnFailed,
	KindNginxNotice,
	KindBodyTooLarge,
	KindBufferedToDisk,
	KindAuthFailed,
	KindLuaError,
	KindWAF,
	KindHTTPRequest,
	KindHTTP5xx,
	KindHTTPClientClosed,
	KindOOMKill,
	KindOOMReaped,
	KindSegfault,
	KindDiskFull,
	KindIOError,
	KindLockup,
	KindSYNFlood,
	KindConntrackFull,
	KindNetExhausted,
	KindFilesExhausted,
	KindPIDsExhausted,
	KindKernelPanic,
	KindBoot,
	KindStarting,
	KindStarted,
	KindStopping,
	KindStopped,
	KindReloading,
	KindDeactivated,
	KindMainExited,
	KindControlExited,
	KindFailedResult,
	KindStartFailed,
	KindEnteredFailed,
	KindRestartScheduled,
	KindRestartDelayExpired,
	KindStartLimitHit,
	KindUnitOOMKill,
	KindOOMDKill,
	KindKillingProcess,
	KindStopTimeout,
	KindStartTimeout,
	KindWatchdogTimeout,
	KindSpawnFailed,
	KindCoredump,
	KindConsumed,
	KindSkipped,
	KindCgroupError,
	KindJournalSuppressed,
	KindTimeJump,
	KindHostShutdown,
	KindHostStarted,
	KindSupervisorStarted,
	KindSupervisorSignal,
	KindSupervisorInfo,
	KindDaemonStarted,
	KindSpawned,
	KindRunning,
	KindExited,
	KindWaiting,
	KindFatal,
	KindKilling,
	KindKilled,
	KindSpawnError,
	KindMemoryReport,
	KindMemoryRestart,
	KindMemoryLimitExceeded,
	KindOOMKilled,
	KindContainerStarted,
	KindModuleNotFound,
	KindPackagePathNotExported,
	KindModuleExportMissing,
	KindRequireESM,
	KindNativeModuleFailed,
	KindSyntaxError,
	KindAddressInUse,
	KindConnectionFailed,
	KindDBConnectionFailed,
	KindDBClientInitFailed,
	KindPoolExhausted,
	KindUncaughtException,
	KindUnhandledRejection,
	KindException,
	KindHeapOOM,
	KindPermissionDenied,
	KindNestDependencyError,
	KindConfigMissing,
	KindDeprecationWarning,
	KindNodeWarning,
	KindAppStarted,
	KindAppStarting,
	KindAppStopping,
	KindAppLog,
	KindNPMError,
	KindDeploy,
	KindPackageChange,
	KindCommand,
	KindCron,
	KindLogin,
}
