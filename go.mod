module culprit

go 1.26.0
