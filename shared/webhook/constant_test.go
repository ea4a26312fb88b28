package webhook_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// TestDigestsAreComparedInConstantTime reads the code, because a clock cannot tell on a busy machine: whatever is compared with a digest is
// compared by hmac.Equal, and no comparison depends on the outcome of another one.
func TestDigestsAreComparedInConstantTime(t *testing.T) {
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, "verify.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			switch n.Op {
			case token.EQL, token.NEQ:
				if mentions(n.X, "digest") || mentions(n.Y, "digest") {
					t.Errorf("%s: a digest is compared with %s", files.Position(n.Pos()), n.Op)
				}
			case token.LOR, token.LAND:
				if mentions(n.Y, "Equal") {
					t.Errorf("%s: whether this comparison is made depends on what stands before it", files.Position(n.Y.Pos()))
				}
			}
		case *ast.SwitchStmt:
			if n.Tag != nil && mentions(n.Tag, "digest") {
				t.Errorf("%s: a digest is switched over", files.Position(n.Pos()))
			}
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || f.Sel.Name != "Equal" {
				return true
			}
			if of, ok := f.X.(*ast.Ident); !ok || of.Name != "hmac" {
				t.Errorf("%s: compared by something else than hmac.Equal", files.Position(n.Pos()))
			}
			compared++
		}
		return true
	})
	if compared != 2 {
		t.Errorf("%d comparisons; the current and the previous secret make two", compared)
	}
}

// mentions tells whether an expression has an identifier in it.
func mentions(in ast.Expr, name string) bool {
	found := false
	ast.Inspect(in, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == name {
			found = true
		}
		return !found
	})
	return found
}
