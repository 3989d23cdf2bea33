package parsers

var textFormats []*format
