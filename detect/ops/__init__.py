"""Compiled TensorFlow functions: tensors and numbers in, tensors out; no settings objects, no state.

    activations        swish, hard_swish, hard_sigmoid
    anchors            anchor_boxes, points, cells
    assignment         sim_ota (YOLOX)
    atss               assign_atss
    boxes              area, clip, iou, paired_iou, intersection_over_area, giou, diou, ciou
    centre_sampling    assign_points, centreness (FCOS)
    coding             encode_deltas, encode_distances, encode_yolox, and decode_deltas, decode_distances, decode_yolox
    default_boxes      default_boxes (SSD)
    deformable         deformable_sampling (Deformable DETR, RT-DETRv2)
    denoising          noisy_queries, may_attend (DINO, RT-DETR)
    distributions      weighting_values, probabilities_by_side, expected_distances, moved_sides, distances_of (D-FINE)
    distribution_losses  positions_among, fine_grained_localization, distillation (D-FINE)
    hungarian          optimal_assignment
    losses             sigmoid_focal, quality_focal, varifocal, softmax_cross_entropy, binary_cross_entropy,
                       absence_loss, squared_iou_loss, giou_loss, diou_loss, ciou_loss, l1, smooth_l1, huber; sum_where
    matching           match_by_iou, match_default_boxes (SSD), match_bipartite (greedy, one to one); gather_rows
    nms                non_maximum_suppression, suppress; combined_suppression (for converters, not for XLA)
    proposals          propose_regions, sample_regions
    ranking            best_detections (models without suppression)
    relative_boxes     to_corners, to_pixels, from_corners, from_pixels, logit (transformers)
    roi_align          roi_align, pyramid_roi_align, level_of
    sampling           sample_balanced, hardest_negatives
    score_losses       held_varifocal (RT-DETR), matchability_aware (DEIM), iou_aware_cross_entropy (LW-DETR)
    set_matching       matching_costs, late_matching_costs, boxes_of_queries, matching_union; corners_of,
                       in_ignored_regions (transformers)
    soft_suppression   soft_nms, matrix_nms

A function that has several implementations takes the keyword argument `runtime`: what will run it, see `compiling`.

The other modules help these: `candidates` chooses what enters suppression, `compiling` compiles them, `visiting` loops
over true boxes, and `tensorflow_internals` has the private parts of TensorFlow that they need.

This is a library: some of the functions are not used by any model here yet. Each has a test with numbers worked by
hand, and one that compiles it with XLA.
"""
