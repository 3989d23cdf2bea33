package logsample

import "strconv"

// traces are what Node prints before the stack; a # stands for a number.
var traces = []struct{ head, tail string }{
	{"node:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\nError: Cannot find module './config/app.module'\nRequire stack:\n- /srv/ledger/dist/main.js\n",
		"{\n  code: 'MODULE_NOT_FOUND',\n  requireStack: [ '/srv/ledger/dist/main.js' ]\n}\n\nNode.js v20.19.2\n"},
	{"/srv/shop/dist/orders/orders.service.js:#\n        return invoice.totals.gross;\n                       ^\n\nTypeError: Cannot read properties of undefined (reading 'totals')\n", "\nNode.js v20.19.2\n"},
	{"Error: connect ECONNREFUSED 127.0.0.1:5432\n", "{\n  errno: -111,\n  code: 'ECONNREFUSED',\n  syscall: 'connect',\n  address: '127.0.0.1',\n  port: 5432\n}\n"},
	{"Error: listen EADDRINUSE: address already in use :::3000\n", "{\n  code: 'EADDRINUSE',\n  errno: -98,\n  syscall: 'listen',\n  address: '::',\n  port: 3000\n}\n"},
}

var frames = []string{
	"    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15)\n",
	"    at Module._load (node:internal/modules/cjs/loader:1038:27)\n",
	"    at OrdersService.renderInvoice (/srv/shop/dist/orders/orders.service.js:#:24)\n",
	"    at process.processTicksAndRejections (node:internal/process/task_queues:105:5)\n",
	"    at async /srv/shop/node_modules/@nestjs/core/router/router-execution-context.js:46:28\n",
	"    at Server.setupListenHandle [as _listen2] (node:net:1817:16)\n",
	"    at Object.<anonymous> (/srv/shop/dist/main.js:#:19)\n",
}

// nodeTrace appends one line of Nest's logger or, one time in eight, a trace.
func (g *Generator) nodeTrace(dst []byte) []byte {
	dst = reserve(dst)
	id := int64(g.random.below(900) + 10)
	if g.random.below(8) > 0 {
		dst = append(dst, "[Nest] "...)
		dst = strconv.AppendInt(dst, int64(g.pid), 10)
		dst = append(dst, "  - "...)
		dst = g.timestamp(dst, "01/02/2006, 3:04:05 PM")
		return path(dst, "     LOG [OrdersService] order # accepted\n", id)
	}
	t := pick(&g.random, traces)
	dst = path(dst, t.head, id)
	for range 4 + g.random.below(7) {
		dst = path(dst, pick(&g.random, frames), id)
	}
	return path(dst, t.tail, id)
}
