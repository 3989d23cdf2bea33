package logsample

import (
	"fmt"
	"strconv"
)

// A unit is a service of which the journal holds lines.
type unit struct {
	name, identifier, command string
	messages                  []string // a # stands for a number
}

var units = []unit{
	{"shop-api.service", "shop-api", "node", []string{
		"[Nest] #  - 11/22/2026, 8:46:06 AM     LOG [OrdersService] order # accepted",
		"[Nest] #  - 11/22/2026, 8:46:06 AM    WARN [HttpClient] payment provider answered after # ms",
		"[Nest] #  - 11/22/2026, 8:46:06 AM   ERROR [ExceptionsHandler] connect ECONNREFUSED 127.0.0.1:5432",
		"GET /api/products/# 200 12ms",
	}},
	{"cron.service", "CRON", "cron", []string{"(root) CMD (   cd / && run-parts --report /etc/cron.hourly)", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=#)"}},
	{"ssh.service", "sshd", "sshd", []string{"Invalid user admin from 203.0.113.9 port #", "Connection closed by 198.51.100.7 port # [preauth]"}},
	{"init.scope", "systemd", "systemd", []string{"Started session-#.scope - Session # of User root.", "logrotate.service: Deactivated successfully."}},
}

var unitWeights = []int{70, 8, 17, 5}

// journalExport appends one entry as journalctl -o export writes it: NAME=value
// lines and an empty line.
func (g *Generator) journalExport(dst []byte) []byte {
	g.serial++
	u := &units[g.random.weighted(unitWeights)]
	micros := g.now.UnixMicro()
	dst = reserve(dst)
	dst = fmt.Appendf(dst, "__CURSOR=s=0f1c2d3e4a5b46c7a8d9e0f1a2b3c4d5;i=%x;b=5b0d8a7c6e5f41d2b3a4958677685940;m=%x;t=%x;x=%x\n", g.serial, micros-Start.UnixMicro()+9_000_000, micros, g.random.next())
	dst = append(dst, "__REALTIME_TIMESTAMP="...)
	dst = strconv.AppendInt(dst, micros, 10)
	dst = append(dst, "\n__MONOTONIC_TIMESTAMP="...)
	dst = strconv.AppendInt(dst, micros-Start.UnixMicro()+9_000_000, 10)
	dst = append(dst, "\n_BOOT_ID=5b0d8a7c6e5f41d2b3a4958677685940\n_TRANSPORT=stdout\nPRIORITY=6\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER="...)
	dst = append(dst, u.identifier...)
	dst = append(dst, "\n_UID=1000\n_GID=1000\n_COMM="...)
	dst = append(dst, u.command...)
	dst = append(dst, "\n_HOSTNAME=web-01\n_SYSTEMD_CGROUP=/system.slice/"...)
	dst = append(dst, u.name...)
	dst = append(dst, "\n_SYSTEMD_UNIT="...)
	dst = append(dst, u.name...)
	dst = append(dst, "\n_PID="...)
	dst = strconv.AppendInt(dst, int64(g.pid), 10)
	dst = append(dst, "\nMESSAGE="...)
	dst = path(dst, pick(&g.random, u.messages), int64(g.random.below(60_000)))
	return append(dst, "\n\n"...)
}
