package parsers

func compileLogFormat(text string) *format { return nil }

var nginxFormats []*format
