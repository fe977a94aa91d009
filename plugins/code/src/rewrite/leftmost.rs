//! Where an expression begins.

use std::convert::Infallible;
use std::ops::ControlFlow;

use boa_engine::ast::expression::{Expression, Identifier};
use boa_engine::ast::visitor::{VisitWith, Visitor};
use boa_engine::ast::{Position, Spanned};

/// Where an expression begins. The parser's own span of a tagged template, for one, begins after the tag.
pub(super) fn leftmost(expression: &Expression) -> Position {
    let mut leftmost = Leftmost(expression.span().start());
    let _: ControlFlow<Infallible> = leftmost.visit_expression(expression);
    leftmost.0
}

struct Leftmost(Position);

impl<'ast> Visitor<'ast> for Leftmost {
    type BreakTy = Infallible;

    fn visit_expression(&mut self, node: &'ast Expression) -> ControlFlow<Infallible> {
        self.0 = self.0.min(node.span().start());
        node.visit_with(self)
    }

    fn visit_identifier(&mut self, node: &'ast Identifier) -> ControlFlow<Infallible> {
        self.0 = self.0.min(node.span().start());
        ControlFlow::Continue(())
    }
}
