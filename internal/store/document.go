package store

import (
	"encoding/binary"
	"strconv"

	bleve "github.com/blevesearch/bleve/v2"
	bleved "github.com/blevesearch/bleve/v2/document"
	bleveindex "github.com/blevesearch/bleve_index_api"
)

// wordsField is the field of the index that holds the words of the text; the
// others are named as the counted fields are.
const wordsField = "_words"

// A document is what the index has to know of a block: terms with the number of
// records that hold each.
type document struct {
	words  []byte // number of words, then each with its length and its number of records
	fields []byte // the same for each field, with its name before
}

// An indexedDocument is a change of the index: a block to put, or to remove if
// there is no document.
type indexedDocument struct {
	op    int64
	block int64
	document
}

func (d *indexedDocument) removes() bool { return len(d.words) == 0 }

// document copies what t has collected.
func (t *terms) document() document {
	size := 8 + len(t.fields)
	for i := range t.words {
		size += int(t.words[i].size) + 4
	}
	b := t.appendWords(make([]byte, 0, size))
	n := len(b)
	b = append(b, t.fields...)
	return document{words: b[:n:n], fields: b[n:]}
}

// addTo puts the document into a batch.
func (d *indexedDocument) addTo(batch *bleve.Batch) error {
	doc := bleved.NewDocument(strconv.FormatInt(d.block, 10))
	r := reader{b: d.words}
	doc.AddField(readField(wordsField, &r))
	r = reader{b: d.fields}
	for len(r.b) > 0 && !r.bad {
		name := r.bytes()
		doc.AddField(readField(string(name), &r))
	}
	if r.bad {
		return errBlock
	}
	return batch.IndexAdvanced(doc)
}

// A termField hands bleve terms with ready frequencies. Nothing is stored, and
// there are no positions: phrases are found by evaluating the records.
type termField struct {
	name  string
	terms bleveindex.TokenFrequencies
}

func readField(name string, r *reader) *termField {
	n := r.count()
	f := &termField{name: name, terms: make(bleveindex.TokenFrequencies, n)}
	freqs := make([]bleveindex.TokenFreq, n)
	for i := range freqs {
		term := r.bytes()
		freqs[i].Term = term
		freqs[i].SetFrequency(int(r.uvarint()))
		f.terms[view(term)] = &freqs[i]
	}
	return f
}

// The methods of bleve's Field.

func (f *termField) Name() string             { return f.name }
func (f *termField) Value() []byte            { return nil }
func (f *termField) ArrayPositions() []uint64 { return nil }
func (f *termField) EncodedFieldType() byte   { return 't' }
func (f *termField) Analyze()                 {}
func (f *termField) Options() bleveindex.FieldIndexingOptions {
	return bleveindex.IndexField
}
func (f *termField) AnalyzedLength() int                                   { return len(f.terms) }
func (f *termField) AnalyzedTokenFrequencies() bleveindex.TokenFrequencies { return f.terms }
func (f *termField) NumPlainTextBytes() uint64                             { return 0 }
func (f *termField) Size() int                                             { return 64 + 64*len(f.terms) }

// encodeMark and decodeMark are the form of the mark inside the index.
func encodeMark(op int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(op)) }

func decodeMark(b []byte) int64 {
	if len(b) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}
