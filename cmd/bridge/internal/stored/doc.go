// Package stored answers which webhooks a file holds.
//
// It promises that nothing but white space between them is lost, that they stay in their order, and a memory that does not grow with the
// file. It does not judge them, and it stands apart from the commands so that fuzzing it does not instrument all that these are made of.
package stored
