// Package query is the language of search: text to a tree ([Parse]), and the
// tree to the records of a block that match ([Query.Match]). It also holds the
// one tokenizer that the index, the filters, queries and their evaluation share.
//
// A word matches where its tokens (runs of letters, digits and underscores, in
// any case) stand one after another in the text of a record; what stands between
// them does not count. So a pasted log line is a query that finds that line.
//
//	connection refused        both words
//	"connect() failed"        these tokens in this order
//	conn*                     a token that begins so
//	service:shop-api          a field; fields are listed by [Fields]
//	source:nginx/error.log    the end of its path will do
//	status:>=500 pid:1..99    a range of a numeric field
//	a OR b, NOT a, -a, (a b)  in capitals; AND may be left out
package query
