"""Optimal assignment of queries to true boxes: one query for each box, so that the sum of the costs is smallest.

Transformer detectors match in this way (Carion et al. 2020, DETR, arXiv 2005.12872, eq. 1). Both ways to do it give one
box after the other a query by a shortest augmenting path (Jonker and Volgenant 1987, Computing 38). On a CPU scipy
does, for all problems of a step in one call. An accelerator cannot wait for the host within a compiled step: there all
problems advance side by side, each by one query in every turn of a loop.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from detect.ops.compiling import Runtime, compiled, dimension, suits_xla

LIMIT = 1e6  # costs beyond count as this: high enough to be avoided, and low enough to be added up
NONE = -1


@compiled
def optimal_assignment(costs: tf.Tensor, counts: tf.Tensor, *, runtime: Runtime = "local") -> tf.Tensor:
    """Return the query of each true box, no two with the same, so that the sum of the costs is smallest.

    Costs are limited to -`LIMIT`..`LIMIT`, and what is not a number counts as `LIMIT`: such a pair is made only where
    nothing else is left. Which of several equal sums is chosen depends on `runtime`. No gradient flows.

    Args:
        costs: float32 [N, Q, G], of each query for each box, in N problems.
        counts: int32 [N], the number of real boxes in each problem; they come first.
        runtime: what will run it.

    Returns:
        int32 [N, G], queries 0..Q-1; -1 for padding and, where there are more boxes than queries, for those that are
        left without one.
    """
    costs = tf.stop_gradient(costs)
    if suits_xla(runtime):
        return _assign_side_by_side(costs, counts)
    queries = tf.numpy_function(_assign_by_scipy, [costs, counts], tf.int32, stateful=False)
    return tf.ensure_shape(queries, [costs.shape[0], costs.shape[2]])


def _assign_by_scipy(costs, counts):
    """Return what `optimal_assignment` does, for arrays."""
    from scipy.optimize import linear_sum_assignment  # only training needs it, and it takes a third of a second

    query_of = np.full((costs.shape[0], costs.shape[2]), NONE, np.int32)
    costs = np.clip(np.nan_to_num(costs[..., : counts.max(initial=0)], nan=LIMIT), -LIMIT, LIMIT)
    for row, cost, count in zip(query_of, costs, counts, strict=True):
        queries, boxes = linear_sum_assignment(cost[:, :count])
        row[boxes] = queries
    return query_of


class _Search(NamedTuple):
    """The state of N problems, each of which looks for a query for one box, its root, by Dijkstra's algorithm.

    The search goes from the root to all queries, settles the nearest, and goes on from the box that has this query. It
    ends at a free query. On the way back to the root, each box gets the query that was reached from it.
    """

    query_of: tf.Tensor  # int32 [N, G], NONE: this box has none
    box_of: tf.Tensor  # int32 [N, Q], NONE: this query is free
    prices: tf.Tensor  # [N, Q], added to the costs: the more boxes want a query, the higher (the dual variables)
    root: tf.Tensor  # int32 [N], NONE: all boxes have a query
    box: tf.Tensor  # int32 [N], from which the search goes on
    query: tf.Tensor  # int32 [N], which this box has
    distance: tf.Tensor  # [N], of this query
    distances: tf.Tensor  # [N, Q], of all, by costs and prices
    reached_from: tf.Tensor  # int32 [N, Q], the last box on the way to a query
    settled: tf.Tensor  # bool [N, Q], whether the distance is final
    target: tf.Tensor  # int32 [N], the query to be given next, on the way back; NONE: still searching


def _assign_side_by_side(costs, counts):
    """Return what `optimal_assignment` does, without the host."""
    boxes, queries = dimension(costs, 2), dimension(costs, 1)
    costs = tf.cast(tf.linalg.matrix_transpose(costs), tf.float64)  # [N, G, Q]
    costs = tf.where(tf.math.is_nan(costs), tf.constant(LIMIT, costs.dtype), costs)
    costs = _with_spare_rows(tf.clip_by_value(costs, -LIMIT, LIMIT), tf.maximum(boxes - queries, 0))
    real = tf.range(boxes + 1) < counts[:, None]
    (search,) = tf.while_loop(
        lambda search: tf.reduce_any(search.root != NONE),
        lambda search: (_go_back(_settle_nearest(search, costs), real),),
        (_give_undisputed(costs, real),),
    )
    return tf.where(search.query_of < queries, search.query_of, NONE)[:, :boxes]


def _with_spare_rows(costs, missing):
    """Return `costs` with one more box and `missing` + 1 more queries, which are dearer than all others together.

    One more than are missing, so that there are some of each.
    """
    highest = 2 * LIMIT * tf.cast(dimension(costs, 1) + 1, costs.dtype)
    return tf.pad(costs, [[0, 0], [0, 1], [0, missing + 1]], constant_values=highest)


def _give_undisputed(costs, real):
    """Return the state in which each real box has its best query, unless one before it has that."""
    boxes, queries = tf.range(dimension(costs, 1)), tf.range(dimension(costs, 2))
    best = tf.argmin(costs, axis=2, output_type=tf.int32)
    wants = real[..., None] & (best[..., None] == queries)  # [N, G, Q]
    first = tf.reduce_min(tf.where(wants, boxes[:, None], tf.size(boxes)), axis=1)  # [N, Q]
    gets = real & (tf.gather(first, best, batch_dims=1) == boxes)
    of_problem, of_query = tf.zeros_like(best[:, 0]), tf.zeros_like(costs[:, 0])
    search = _Search(
        query_of=tf.where(gets, best, NONE),
        box_of=tf.where(first < tf.size(boxes), first, NONE),
        prices=of_query,
        root=of_problem,
        box=of_problem,
        query=of_problem,
        distance=of_query[:, 0],
        distances=of_query,
        reached_from=tf.zeros_like(first),
        settled=tf.zeros_like(first, tf.bool),
        target=of_problem + NONE,
    )
    return _begin(search, real, tf.ones_like(of_problem, tf.bool))


def _begin(search, real, where):
    """Return the state with a new search in the problems `where`, bool [N], for the first real box without a query."""
    goes_on = ~where
    waits = real & (search.query_of == NONE)
    root = tf.where(tf.reduce_any(waits, axis=1), tf.argmax(waits, axis=1, output_type=tf.int32), NONE)
    return search._replace(
        root=root,
        box=tf.where(goes_on, search.box, root),
        query=tf.where(goes_on, search.query, 0),  # any: only differences of distances matter
        distance=tf.where(goes_on, search.distance, 0),
        distances=tf.where(goes_on[:, None], search.distances, np.inf),
        settled=search.settled & goes_on[:, None],
    )


def _settle_nearest(search, costs):
    """Return the state after one step of each search: distances by way of one more box, of which the least is final."""
    searching = (search.root != NONE) & (search.target == NONE)
    ways = tf.gather(costs, tf.maximum(search.box, 0), batch_dims=1) + search.prices  # [N, Q]
    ways += (search.distance - tf.gather(ways, search.query, batch_dims=1))[:, None]
    shorter = searching[:, None] & ~search.settled & (ways < search.distances)
    distances = tf.where(shorter, ways, search.distances)
    query, distance = _nearest(tf.where(~search.settled, distances, np.inf), search.box_of == NONE)
    box = tf.gather(search.box_of, query, batch_dims=1)
    found = searching & (box == NONE)
    rise = tf.where(found[:, None] & search.settled, distance[:, None] - distances, 0)
    return search._replace(
        prices=search.prices + rise,
        box=box,
        query=query,
        distance=distance,
        distances=distances,
        reached_from=tf.where(shorter, search.box[:, None], search.reached_from),
        settled=search.settled | (tf.range(dimension(costs, 2)) == query[:, None]),
        target=tf.where(found, query, search.target),
    )


def _nearest(distances, free):
    """Return the nearest query of each problem, of equals one that is `free`, and its distance: [N] each."""
    least = tf.reduce_min(distances, axis=1)
    rank = tf.where(distances == least[:, None], tf.where(free, 2, 1), 0)
    return tf.argmax(rank, axis=1, output_type=tf.int32), least


def _go_back(search, real):
    """Return the state after one step on the way back of each problem that found a free query."""
    goes = search.target != NONE
    box = tf.gather(search.reached_from, tf.maximum(search.target, 0), batch_dims=1)
    target = tf.where(goes, tf.gather(search.query_of, box, batch_dims=1), NONE)  # NONE: it is the root's
    boxes, queries = (tf.range(dimension(values, 1)) for values in (search.query_of, search.box_of))
    is_given = goes[:, None] & (queries == search.target[:, None])
    gets = goes[:, None] & (boxes == box[:, None])
    search = search._replace(
        query_of=tf.where(gets, search.target[:, None], search.query_of),
        box_of=tf.where(is_given, box[:, None], search.box_of),
        target=target,
    )
    return _begin(search, real, goes & (target == NONE))
