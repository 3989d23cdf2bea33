package store

import "strings"

// knownNames are strings that stand in nearly every block: attributes and kinds. A
// block names them by their place in this list, so the list is part of the format:
// it is never changed, another one needs another blockVersion. What is not in it
// stands in the block itself.
var knownNames = strings.Fields(`
	tid connection client server request method path protocol upstream host phase errno errno_text syscall referrer status
	user_agent address anon_rss_kb app_id app_ref bytes certificate cgroup comm command connect_addr constraint error_code
	error_type exit_code_kind exit_status expected file_named first_app_frame format frames hostname imported_from
	killed_comm killed_pid kind logger login memcg message module nest_context node_version oom_memcg oom_score_adj
	package_json pid port process request_id require_stack resolver responder restart_counter restarting restarts result
	root_message script service severity signal source state status_name stream subpath subrequest task task_memcg
	thrown_at top_frame trigger uid unit unit_description victim_pid upstream_connect_failed upstream_reset
	upstream_premature_close upstream_timeout upstream_no_live upstream_disabled upstream_ssl_failed
	upstream_header_too_big upstream_bad_response upstream_stderr resolve_failed config_upstream_host_not_found
	config_error config_warning file_error rate_limited tls_failed resource_exhausted bind_failed worker_exited
	worker_respawn_failed nginx_notice body_too_large buffered_to_disk auth_failed lua_error waf http_request http_5xx
	http_client_closed oom_kill oom_reaped segfault disk_full io_error lockup syn_flood conntrack_full net_exhausted
	files_exhausted pids_exhausted kernel_panic boot starting started stopping stopped reloading deactivated main_exited
	control_exited failed_result start_failed entered_failed restart_scheduled restart_delay_expired start_limit_hit
	unit_oom_kill oomd_kill killing_process stop_timeout start_timeout watchdog_timeout spawn_failed coredump consumed
	skipped cgroup_error journal_suppressed time_jump host_shutdown host_started supervisor_started supervisor_signal
	supervisor_info daemon_started spawned running exited waiting fatal killing killed spawn_error memory_report
	memory_restart memory_limit_exceeded oom_killed container_started module_not_found package_path_not_exported
	module_export_missing require_esm native_module_failed syntax_error address_in_use connection_failed
	db_connection_failed db_client_init_failed pool_exhausted uncaught_exception unhandled_rejection exception heap_oom
	permission_denied nest_dependency_error config_missing deprecation_warning node_warning app_started app_starting
	app_stopping app_log npm_error deploy package_change cron
`)

// nameIDs are the ids of knownNames, from 1.
var nameIDs = func() map[string]uint32 {
	ids := make(map[string]uint32, len(knownNames))
	for i, name := range knownNames {
		ids[name] = uint32(i) + 1
	}
	return ids
}()
