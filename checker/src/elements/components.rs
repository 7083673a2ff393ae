//! The strongly connected components of a directed graph, by Tarjan (*Depth-first search and linear graph algorithms*,
//! SIAM J. Comput. 1972), without recursion. It knows nothing of what its nodes stand for.

/// A directed graph of numbered nodes.
pub(super) struct Graph {
    /// The edges of node `n` are at `starts[n]..starts[n + 1]`.
    starts: Vec<usize>,
    targets: Vec<usize>,
}

/// Not visited yet.
const NEW: usize = usize::MAX;

impl Graph {
    pub(super) fn new(nodes: usize, edges: &[(usize, usize)]) -> Self {
        // Each node's start is first where its edges end, and moves down as they are filled in.
        let mut starts = vec![0; nodes + 1];
        for &(from, _) in edges {
            starts[from] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut targets = vec![0; edges.len()];
        for &(from, to) in edges {
            starts[from] -= 1;
            targets[starts[from]] = to;
        }
        Self { starts, targets }
    }

    /// The components of more than one node, each in ascending order.
    pub(super) fn cyclic_components(&self) -> Vec<Vec<usize>> {
        let nodes = self.starts.len() - 1;
        let mut walk = Walk { lowest: vec![NEW; nodes], is_placed: vec![false; nodes], stack: Vec::new(), visited: 0 };
        let mut components = Vec::new();
        // Nodes being visited, each with the next of its edges.
        let mut path: Vec<(usize, usize)> = Vec::new();
        let mut number = vec![NEW; nodes];
        for root in 0..nodes {
            if number[root] == NEW {
                number[root] = walk.enter(root);
                path.push((root, self.starts[root]));
            }
            while let Some((node, edge)) = path.last_mut() {
                let node = *node;
                if *edge < self.starts[node + 1] {
                    let target = self.targets[*edge];
                    *edge += 1;
                    if number[target] == NEW {
                        number[target] = walk.enter(target);
                        path.push((target, self.starts[target]));
                    } else if !walk.is_placed[target] {
                        walk.lowest[node] = walk.lowest[node].min(number[target]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&(before, _)) = path.last() {
                    walk.lowest[before] = walk.lowest[before].min(walk.lowest[node]);
                }
                if walk.lowest[node] == number[node] {
                    components.extend(Some(walk.leave(node)).filter(|component| component.len() > 1));
                }
            }
        }
        components
    }
}

struct Walk {
    /// The lowest number that is reached from a node and not yet in a component.
    lowest: Vec<usize>,
    is_placed: Vec<bool>,
    stack: Vec<usize>,
    visited: usize,
}

impl Walk {
    /// The number of the node, which is visited now.
    fn enter(&mut self, node: usize) -> usize {
        self.lowest[node] = self.visited;
        self.stack.push(node);
        self.visited += 1;
        self.visited - 1
    }

    /// The component of which the node was visited first.
    fn leave(&mut self, node: usize) -> Vec<usize> {
        let first = self.stack.iter().rposition(|&other| other == node).expect("it was entered");
        let mut component = self.stack.split_off(first);
        for &node in &component {
            self.is_placed[node] = true;
        }
        component.sort_unstable();
        component
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(nodes: usize, edges: &[(usize, usize)], mut expected: Vec<Vec<usize>>) {
        let mut found = Graph::new(nodes, edges).cyclic_components();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn components_are_found_wherever_the_walk_begins() {
        check(0, &[], vec![]);
        check(3, &[(0, 1), (1, 2), (0, 2)], vec![]);
        check(3, &[(2, 1), (1, 0), (0, 2)], vec![vec![0, 1, 2]]);
        check(5, &[(0, 1), (1, 0), (1, 2), (2, 3), (3, 4), (4, 3)], vec![vec![0, 1], vec![3, 4]]);
        check(5, &[(4, 3), (3, 4), (3, 2), (2, 1), (1, 0), (0, 1)], vec![vec![0, 1], vec![3, 4]]);
        check(6, &[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 5), (5, 3)], vec![vec![0, 1, 2], vec![3, 4, 5]]);
        // A cross edge into a component that is complete joins nothing.
        check(4, &[(0, 1), (1, 0), (2, 3), (3, 2), (2, 0)], vec![vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn a_long_path_needs_no_deep_stack() {
        let mut edges: Vec<(usize, usize)> = (0..200_000).map(|node| (node, node + 1)).collect();
        check(200_001, &edges, vec![]);
        edges.push((200_000, 0));
        check(200_001, &edges, vec![(0..=200_000).collect()]);
    }
}
