package query

// RuneTokens is the plain way to find tokens.
var RuneTokens = runeTokens
