package parsers

import (
	"strings"

	"culprit"
)

// A finding is what an error means beside its type: the kind, and the names in
// its message that tell which module, file or setting it is about.
type finding struct {
	kind         culprit.Kind
	module       string
	importedFrom string
	subpath      string
	packageJSON  string
	setting      string // the environment variable or key that is missing
}

// The phrases of moduleNames, native, nestDependency, configMissing,
// missingVariable and database.
var (
	moduleWords = phrases("Cannot find module ", "Cannot find package ", "Can't resolve ", "Could not resolve ", "Directory import ", "does not provide an export named",
		"The requested module ", "is not defined by \"exports\" in ", "No \"exports\" main defined in ", "require() of ES ", "Must use import to load ES Module: ")
	nativeWords = phrases("NODE_MODULE_VERSION", "was compiled against a different Node.js version", "Module did not self-register", "Error loading shared library ",
		": invalid ELF header", ": wrong ELF class", ": file too short", ": cannot open shared object file", ": undefined symbol: ", "is not a valid Win32 application",
		"incompatible architecture", "' not found (required by ", ": Exec format error", "Could not locate the bindings file", "No native build was found",
		"no such file or directory, dlopen", "Could not load the \"sharp\" module", "Missing binary", "Something went wrong installing the \"sharp\" module")
	dependencyWords = phrases("Nest can't resolve dependencies of ", "Nest cannot create the ", "Nest cannot export a provider/module", "Nest could not find ", "A circular dependency has been detected")
	settingWords    = phrases("Config validation error:", "Config validation failed", "Configuration key ", "Configuration property ", "Invalid environment variables",
		"Missing environment variables", "The following variables were defined in .env.example but are not present", "must be a string, got \"undefined\"",
		"secretOrPrivateKey must have a value", "JwtStrategy requires a secret or key", "SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string",
		"supabaseUrl is required", "supabaseKey is required", "Environment variable not found: ")
	environmentWords = stems("environment variable", "env var", "process.env")
	databaseWords    = phrases("ResourceRequest timed out", "Timeout acquiring a connection. The pool is probably full", "timeout exceeded when trying to connect",
		"Timed out fetching a new connection from the connection pool", "Timed out while checking out a connection from connection pool", "Too many connections",
		"too many clients already", "remaining connection slots are reserved", "Queue limit reached", "No connections available", "max clients reached", "MaxClientsInSessionMode",
		"Can't reach database server at", "Unable to connect to the database", "Connection terminated due to connection timeout", "Connection terminated unexpectedly",
		"terminating connection due to ", "the database system is ", "password authentication failed for user", "Could not connect to any servers in your MongoDB",
		"failed to connect to server [", "Connection lost: The server closed the connection", "Access denied for user '", "no pg_hba.conf entry for")
)

// meaning finds the specific kind of an error from its type, its code and its
// words; kind is "" if it is just an error.
func meaning(typ, code, m string) (f finding) {
	switch code {
	case "MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND", "ERR_UNSUPPORTED_DIR_IMPORT":
		if !moduleNames(&f, m) {
			f.kind = culprit.KindModuleNotFound
		}
		return f
	case "ERR_PACKAGE_PATH_NOT_EXPORTED", "ERR_PACKAGE_IMPORT_NOT_DEFINED":
		notExported(&f, m)
		return f
	case "ERR_REQUIRE_ESM", "ERR_REQUIRE_ASYNC_MODULE":
		f.kind = culprit.KindRequireESM
		f.module = word(after(firstLine(m), "ES Module "))
		if f.module == "" {
			f.module = word(after(firstLine(m), "ES Module: "))
		}
		f.module = strings.TrimSuffix(f.module, ".")
		f.importedFrom = before(after(firstLine(m), " from "), " ")
		return f
	case "ERR_DLOPEN_FAILED":
		native(&f, m)
		f.kind = culprit.KindNativeModuleFailed
		return f
	case "EADDRINUSE":
		f.kind = culprit.KindAddressInUse
		return f
	}
	found := lineWords.scan(m)
	if found&moduleWords != 0 && moduleNames(&f, m) || found&nativeWords != 0 && native(&f, m) {
		return f
	}
	if nestDependency(found, typ, m) {
		f.kind = culprit.KindNestDependencyError
		return f
	}
	if configMissing(&f, found, typ, m) {
		return f
	}
	if f.kind = database(found, typ, code, m); f.kind != "" {
		return f
	}
	switch code {
	case "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ESOCKETTIMEDOUT", "EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "ENOTFOUND", "EAI_AGAIN",
		"EPIPE", "ENOTCONN", "ECONNABORTED", "ETIMEOUT", "ESERVFAIL", "EREFUSED", "EADDRNOTAVAIL",
		"UND_ERR_CONNECT_TIMEOUT", "UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT",
		"PROTOCOL_CONNECTION_LOST", "CONNECTION_REFUSED", "CONNECT_TIMEOUT", "NR_CLOSED", "ERR_SOCKET_CONNECTION_TIMEOUT":
		f.kind = culprit.KindConnectionFailed
	case "ENOSPC", "EDQUOT":
		f.kind = culprit.KindDiskFull
	case "EACCES", "EPERM":
		f.kind = culprit.KindPermissionDenied
	case "":
		switch {
		case strings.Contains(m, "socket hang up"), strings.Contains(m, "buffering timed out after"), strings.HasPrefix(m, "Connection is closed."),
			strings.Contains(m, "Reached the max retries per request limit"), strings.Contains(m, "Client network socket disconnected"):
			f.kind = culprit.KindConnectionFailed
		}
	}
	return f
}

// moduleNames knows the ways to say that a module was not found, with its name.
func moduleNames(f *finding, m string) bool {
	for _, w := range [...]string{"Cannot find module ", "Cannot find package ", "Can't resolve ", "Could not resolve ", "Directory import "} {
		i := strings.Index(m, w)
		if i < 0 {
			continue
		}
		rest := m[i+len(w):]
		name := quotedName(rest)
		if name == "" && w == "Cannot find module " {
			// "Cannot find module ./app.js" in some loaders
			name = strings.TrimRight(word(rest), ".,;:")
		}
		if name == "" {
			continue
		}
		f.kind, f.module = culprit.KindModuleNotFound, name
		if from := before(after(rest, "imported from "), "\n"); from != "" {
			if q := quotedName(from); q != "" {
				from = q
			}
			f.importedFrom = strings.TrimSpace(from)
		}
		return true
	}
	if i := strings.Index(m, "does not provide an export named"); i >= 0 {
		f.kind, f.module = culprit.KindModuleExportMissing, quotedName(after(m, "The requested module "))
		return true
	}
	if strings.Contains(m, "The requested module ") && strings.Contains(m, "Named export ") {
		f.kind, f.module = culprit.KindModuleExportMissing, quotedName(after(m, "The requested module "))
		return true
	}
	if strings.Contains(m, "is not defined by \"exports\" in ") || strings.Contains(m, "No \"exports\" main defined in ") {
		notExported(f, m)
		return true
	}
	if strings.HasPrefix(m, "require() of ES ") || strings.HasPrefix(m, "Must use import to load ES Module: ") {
		f.kind = culprit.KindRequireESM
		f.module = strings.TrimSuffix(before(after(m, "ES Module"), "\n"), ":")
		f.module = strings.TrimSuffix(word(strings.TrimLeft(f.module, ": ")), ".")
		f.importedFrom = word(after(firstLine(m), " from "))
		return true
	}
	return false
}

func notExported(f *finding, m string) {
	f.kind = culprit.KindPackagePathNotExported
	m = firstLine(m)
	f.subpath = quotedName(after(m, "Package subpath "))
	if f.subpath == "" {
		f.subpath = quotedName(after(m, "Package import specifier "))
	}
	in := after(m, "exports\" in ")
	if in == "" {
		in = after(m, "main defined in ")
	}
	if in == "" {
		in = after(m, "in package ")
	}
	if i := strings.Index(in, " imported from "); i >= 0 {
		f.importedFrom, in = in[i+len(" imported from "):], in[:i]
	}
	f.packageJSON = in
}

// native knows what the dynamic loader and the loaders of native addons say.
func native(f *finding, m string) bool {
	switch {
	case strings.Contains(m, "NODE_MODULE_VERSION"), strings.Contains(m, "was compiled against a different Node.js version"):
		f.module = quotedName(after(m, "The module "))
	case strings.Contains(m, "Module did not self-register"):
		f.module = quotedName(after(m, "self-register: "))
	case strings.HasPrefix(m, "Error loading shared library "):
		f.module = before(before(after(m, "Error loading shared library "), ": "), "\n")
	case strings.Contains(m, ": invalid ELF header"), strings.Contains(m, ": wrong ELF class"), strings.Contains(m, ": file too short"),
		strings.Contains(m, ": cannot open shared object file"), strings.Contains(m, ": undefined symbol: "), strings.Contains(m, "is not a valid Win32 application"),
		strings.Contains(m, "incompatible architecture"), strings.Contains(m, "' not found (required by "), strings.Contains(m, ": Exec format error"):
		f.module = before(m, ": ")
		if in := after(m, "(required by "); in != "" {
			f.module = before(in, ")")
		}
		if strings.HasPrefix(m, "dlopen(") {
			f.module = before(before(m[len("dlopen("):], ")"), ",")
		}
		if strings.IndexByte(f.module, ' ') >= 0 && !strings.HasSuffix(f.module, ".node") {
			f.module = ""
		}
	case strings.HasPrefix(m, "Could not locate the bindings file"), strings.HasPrefix(m, "No native build was found"), strings.Contains(m, "no such file or directory, dlopen"):
	case strings.Contains(m, "Could not load the \"sharp\" module"), strings.HasPrefix(m, "Missing binary"), strings.HasPrefix(m, "Something went wrong installing the \"sharp\" module"):
	default:
		return false
	}
	f.kind = culprit.KindNativeModuleFailed
	return true
}

func nestDependency(found phraseSet, typ, m string) bool {
	switch typ {
	case "UnknownDependenciesException", "UndefinedDependencyException", "UndefinedModuleException", "UndefinedForwardRefException",
		"UnknownElementException", "UnknownExportException", "CircularDependencyException", "InvalidModuleException", "InvalidClassModuleException":
		return true
	}
	return found&dependencyWords != 0 && (strings.Contains(m, "Nest can't resolve dependencies of ") || strings.Contains(m, "Nest cannot create the ") ||
		strings.HasPrefix(m, "Nest cannot export a provider/module") || strings.HasPrefix(m, "Nest could not find ") && strings.Contains(m, "this provider does not exist") ||
		strings.HasPrefix(m, "A circular dependency has been detected"))
}

// configMissing knows how frameworks and programs say that a setting is not
// there. Request validation uses the same libraries: without a word about
// configuration the key has to look like an environment variable.
func configMissing(f *finding, found phraseSet, typ, m string) bool {
	ok := typ == "MissingEnvVarsError" || typ == "EnvError" || typ == "EnvMissingError"
	switch {
	case found&settingWords == 0:
	case strings.HasPrefix(m, "Config validation error:"), strings.HasPrefix(m, "Config validation failed"):
		ok = true
	case strings.HasPrefix(m, "Configuration key ") && strings.Contains(m, "does not exist"), strings.HasPrefix(m, "Configuration property ") && strings.Contains(m, "is not defined"):
		ok = true
		f.setting = quotedName(after(m, "Configuration key "))
		if f.setting == "" {
			f.setting = quotedName(after(m, "Configuration property "))
		}
	case strings.HasPrefix(m, "Invalid environment variables"), strings.HasPrefix(m, "Missing environment variables"), strings.Contains(m, "The following variables were defined in .env.example but are not present"),
		strings.Contains(m, "must be a string, got \"undefined\""), strings.HasPrefix(m, "secretOrPrivateKey must have a value"),
		strings.HasPrefix(m, "JwtStrategy requires a secret or key"), strings.Contains(m, "SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string"),
		strings.HasPrefix(m, "supabaseUrl is required"), strings.HasPrefix(m, "supabaseKey is required"):
		ok = true
	case !ok && strings.Contains(m, "Environment variable not found: "):
		ok = true
		f.setting = strings.TrimRight(word(after(m, "Environment variable not found: ")), ".,")
	}
	if !ok && typ != "ReferenceError" {
		ok = missingVariable(f, found, firstLine(m))
	}
	if ok {
		f.kind = culprit.KindConfigMissing
		if f.setting == "" {
			f.setting = variableIn(m)
		}
	}
	return ok
}

// missingVariable knows sentences such as "Missing required environment
// variable X", "X is not set", `"X" is required`.
func missingVariable(f *finding, found phraseSet, m string) bool {
	name := variableIn(m)
	low := len(m) < 400 && found&environmentWords != 0 && (containsFold(m, "environment variable") || containsFold(m, "env var") || containsFold(m, "env variable") || strings.Contains(m, "process.env"))
	if !low && name == "" {
		return false
	}
	for _, w := range [...]string{"missing", "is required", "is not set", "not set", "is not defined", "is missing", "must be set", "must be defined", "undefined", "not found", "not provided", "must be provided", "is invalid", "cannot be empty", "should not be empty", "is empty"} {
		if containsFold(m, w) {
			if low {
				return true
			}
			// Without the word environment: the name and nothing else before the verb.
			i := strings.Index(m, name)
			lead := strings.Trim(m[:i], " \"'`:-")
			tail := strings.TrimLeft(m[i+len(name):], "\"'` ")
			switch {
			case w == "missing":
				return strings.EqualFold(lead, "missing") || strings.EqualFold(lead, "missing required")
			case lead == "" && len(tail) >= len(w) && strings.EqualFold(tail[:len(w)], w):
				// "JWT_SECRET is not defined" is also what a ReferenceError says.
				return true
			}
		}
	}
	return false
}

// variableIn returns the first word that looks like an environment variable:
// capitals with an underscore.
func variableIn(m string) string {
	if strings.IndexByte(m, '_') < 0 {
		return ""
	}
	for i := 0; i < len(m) && i < 2000; {
		if c := m[i]; c < 'A' || c > 'Z' || i > 0 && isIdent(m[i-1]) {
			i++
			continue
		}
		n, under := 1, false
		for i+n < len(m) && (m[i+n] >= 'A' && m[i+n] <= 'Z' || digit(m[i+n]) || m[i+n] == '_') {
			under = under || m[i+n] == '_'
			n++
		}
		if s := m[i : i+n]; under && n >= 4 && n <= 64 && (i+n == len(m) || !isIdent(m[i+n])) && !strings.HasPrefix(s, "ERR_") && !strings.HasPrefix(s, "ER_") && s[n-1] != '_' {
			return s
		}
		i += n
	}
	return ""
}

// database knows the words of the usual database clients; "" for an error of
// the connection itself, which its code tells.
func database(found phraseSet, typ, code, m string) culprit.Kind {
	switch code {
	case "ER_CON_COUNT_ERROR", "ER_TOO_MANY_USER_CONNECTIONS", "53300", "P2024", "POOL_CLOSED", "POOL_ENQUEUELIMIT", "ER_USER_LIMIT_REACHED":
		return culprit.KindPoolExhausted
	case "P1000", "P1001", "P1002", "P1003", "P1008", "P1010", "P1011", "P1012", "P1013", "P1017":
		return culprit.KindDBClientInitFailed
	case "28P01", "28000", "3D000", "57P01", "57P02", "57P03", "08006", "08001", "08003", "08P01",
		"ER_ACCESS_DENIED_ERROR", "ER_DBACCESS_DENIED_ERROR", "ER_BAD_DB_ERROR", "ER_HOST_IS_BLOCKED", "ER_HOST_NOT_PRIVILEGED", "ER_NOT_SUPPORTED_AUTH_MODE", "ER_SERVER_SHUTDOWN", "ELOGIN":
		return culprit.KindDBConnectionFailed
	}
	switch typ {
	case "PrismaClientInitializationError", "PrismaClientConstructorValidationError":
		return culprit.KindDBClientInitFailed
	case "SequelizeConnectionAcquireTimeoutError", "KnexTimeoutError", "WaitQueueTimeoutError", "MongoWaitQueueTimeoutError":
		return culprit.KindPoolExhausted
	}
	switch {
	case found&databaseWords == 0:
	case strings.Contains(m, "ResourceRequest timed out"), strings.Contains(m, "Timeout acquiring a connection. The pool is probably full"),
		strings.Contains(m, "timeout exceeded when trying to connect"), strings.Contains(m, "Timed out fetching a new connection from the connection pool"),
		strings.Contains(m, "Timed out while checking out a connection from connection pool"), strings.Contains(m, "Too many connections"), strings.Contains(m, "too many clients already"),
		strings.Contains(m, "remaining connection slots are reserved"), strings.HasPrefix(m, "Queue limit reached"), strings.HasPrefix(m, "No connections available"),
		strings.Contains(m, "max clients reached"), strings.Contains(m, "MaxClientsInSessionMode"):
		return culprit.KindPoolExhausted
	case strings.Contains(m, "Can't reach database server at"):
		return culprit.KindDBClientInitFailed
	case strings.Contains(m, "Unable to connect to the database"), strings.Contains(m, "Connection terminated due to connection timeout"), strings.Contains(m, "Connection terminated unexpectedly"),
		strings.Contains(m, "terminating connection due to "), strings.Contains(m, "the database system is "), strings.Contains(m, "password authentication failed for user"),
		strings.Contains(m, "Could not connect to any servers in your MongoDB"), strings.HasPrefix(m, "failed to connect to server ["), strings.Contains(m, "Connection lost: The server closed the connection"),
		strings.Contains(m, "Access denied for user '"), strings.Contains(m, "no pg_hba.conf entry for"):
		return culprit.KindDBConnectionFailed
	}
	if code == "" && (typ == "MongoServerSelectionError" || typ == "MongooseServerSelectionError" || typ == "SequelizeConnectionError" || typ == "ConnectionNotFoundError" || typ == "MongoNetworkTimeoutError") {
		return culprit.KindDBConnectionFailed
	}
	return ""
}

// quotedName returns the text in quotes at the start of s.
func quotedName(s string) string {
	if len(s) < 3 {
		return ""
	}
	q := s[0]
	if q != '\'' && q != '"' && q != '`' {
		return ""
	}
	if i := strings.IndexByte(s[1:], q); i > 0 && i < 4096 {
		return s[1 : 1+i]
	}
	return ""
}

// after returns what stands behind the first mark in s, "" if it is not there.
func after(s, mark string) string {
	if i := strings.Index(s, mark); i >= 0 {
		return s[i+len(mark):]
	}
	return ""
}

// before returns what stands before the first mark in s, all of s if it is not
// there.
func before(s, mark string) string {
	if i := strings.Index(s, mark); i >= 0 {
		return s[:i]
	}
	return s
}

// containsFold reports whether s holds low, which is in small letters, in any
// case. It looks at the first kilobyte.
func containsFold(s, low string) bool { return indexFold(s, low) >= 0 }

func indexFold(s, low string) int {
	s = s[:min(len(s), 1024)]
	for i := 0; i+len(low) <= len(s); i++ {
		if s[i]|0x20 != low[0]|0x20 {
			continue
		}
		k := 1
		for k < len(low) && (s[i+k] == low[k] || s[i+k]|0x20 == low[k] && low[k] >= 'a') {
			k++
		}
		if k == len(low) {
			return i
		}
	}
	return -1
}
