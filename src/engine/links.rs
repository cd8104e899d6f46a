//! The links of users, for those who compare answers with what users did.

use super::run::Call;
use super::{CompileError, Engine, Program};
use crate::answer::Ask;
use crate::expr::ir::{EdgeExpr, Kind};
use crate::expr::links::{Links, Needs};
use crate::expr::{Expr, NodeId, gather};
use crate::library::Unit;
use crate::ops::{Limits, RunError};
use crate::request::Request;
use crate::types::{EntityId, Key};

/// An edge from the viewer, with a program that reads it.
pub(crate) struct UserEdge {
    program: Program,
    pub edge: EdgeExpr,
}

impl Engine {
    /// An edge from users by its name or expression, as a program sees it: stored, derived by the prelude, by the
    /// program or by what that imports.
    pub(crate) fn user_edge(&self, beside: &Program, edge: &str) -> Result<UserEdge, CompileError> {
        let origin = &beside.inner.text.origin;
        let compile = |text: String| {
            let folder = origin.folder.as_deref();
            let session = Some(&*origin.text);
            let unit = Unit { folder, session, ..Unit::new("edge", &text) };
            self.compile_unit(&unit).into_program()
        };
        // what is no edge is said best where only an edge can stand
        compile(format!("user.walk({edge}, limit=all)"))?;
        let program = compile(format!("user.let(links=count({edge}(it)))"))?;
        let mut found = None;
        each_part(&program, &mut |part| {
            if let Kind::OverLinks(over) = &part.kind {
                found.get_or_insert_with(|| over.edge.clone());
            }
        });
        let edge = found.expect("the program counts links");
        Ok(UserEdge { program, edge })
    }

    /// The embedding that programs call `default`, if the entity has vectors in one.
    pub(crate) fn default_embedding(&self, beside: &Program, entity: EntityId) -> Option<usize> {
        let name = &self.schema().entity(entity).name;
        let text = format!("all({name}).let(own=cosine(default, default))");
        let folder = beside.inner.text.origin.folder.as_deref();
        let unit = Unit { folder, ..Unit::new("default", &text) };
        let program = self.compile_unit(&unit).into_program().ok()?;
        let mut found = None;
        each_part(&program, &mut |part| {
            if let Kind::VectorOf { embedding, .. } = &part.kind {
                found = Some(*embedding as usize);
            }
        });
        found
    }

    /// The links of an edge from some users that a request at `now` sees, with their times.
    pub(crate) fn links_of(
        &self,
        edge: &UserEdge,
        users: &[Key],
        now: i64,
    ) -> Result<Links, RunError> {
        let requests: Vec<Request> = users.iter().cloned().map(Request::user).collect();
        let call = Call {
            program: &edge.program.inner,
            requests: &requests,
            limits: Limits::default(),
            ask: &Ask::default(),
            now,
        };
        self.finished(call, |exec, _, _, _| {
            let run = exec.run;
            let owners: Vec<u32> = (0..requests.len() as u32).collect();
            let starts = gather::Starts {
                ids: &run.viewers,
                owners: &owners,
                ends: None,
                any: false,
                shared: None,
            };
            let needs = Needs { time: true, ..Needs::of(&edge.edge) };
            Ok(gather::gather(run, &edge.edge, starts, &needs))
        })
    }
}

/// Calls `f` on every part of every expression of a program.
fn each_part(program: &Program, f: &mut dyn FnMut(&Expr)) {
    let graph = &program.checked().graph;
    for id in (0..graph.len() as u32).map(NodeId) {
        graph.get(id).op.exprs().into_iter().for_each(|expr| expr.walk(f));
    }
}
