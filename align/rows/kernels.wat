;; The loops that every sample goes through, for align/rows/kernels.ts. Addresses in bytes, `rows` at least 1.
;; Columns are float64 and lie in the imported memory with room for rows rounded up to four.
(module
  (memory (import "js" "memory") 1)

  ;; One field of up to 32 bits out of rows of bytes, four rows a turn:
  ;;   x = ((32 bits at its first byte & mask) ^ sign) - sign    the count times 2^shift, sign extended
  ;;   out = (x - zero) * scale                                  both float64, with the 2^shift made up for
  ;; The last turn may read and write up to three rows too many, of whatever lies there.
  ;; Returns whether some x was below `least` or above `most`, those too many included.
  (func (export "field")
    (param $in i32) (param $stride i32) (param $rows i32)
    (param $mask i32) (param $sign i32) (param $zero f64) (param $scale f64)
    (param $least i32) (param $most i32) (param $out i32) (result i32)
    (local $end i32) (local $x v128) (local $smallest v128) (local $largest v128)
    (local $masks v128) (local $signs v128) (local $zeros v128) (local $scales v128)
    (local.set $masks (i32x4.splat (local.get $mask)))
    (local.set $signs (i32x4.splat (local.get $sign)))
    (local.set $zeros (f64x2.splat (local.get $zero)))
    (local.set $scales (f64x2.splat (local.get $scale)))
    (local.set $smallest (i32x4.splat (i32.const 0x7fffffff)))
    (local.set $largest (i32x4.splat (i32.const 0x80000000)))
    (local.set $end
      (i32.add (local.get $out) (i32.shl (local.get $rows) (i32.const 3))))
    (loop $turn
      (local.set $x (v128.load32_zero (local.get $in)))
      (local.set $in (i32.add (local.get $in) (local.get $stride)))
      (local.set $x (v128.load32_lane 1 (local.get $in) (local.get $x)))
      (local.set $in (i32.add (local.get $in) (local.get $stride)))
      (local.set $x (v128.load32_lane 2 (local.get $in) (local.get $x)))
      (local.set $in (i32.add (local.get $in) (local.get $stride)))
      (local.set $x (v128.load32_lane 3 (local.get $in) (local.get $x)))
      (local.set $in (i32.add (local.get $in) (local.get $stride)))
      (local.set $x
        (i32x4.sub
          (v128.xor (v128.and (local.get $x) (local.get $masks)) (local.get $signs))
          (local.get $signs)))
      (local.set $smallest (i32x4.min_s (local.get $smallest) (local.get $x)))
      (local.set $largest (i32x4.max_s (local.get $largest) (local.get $x)))
      (v128.store (local.get $out)
        (f64x2.mul
          (f64x2.sub (f64x2.convert_low_i32x4_s (local.get $x)) (local.get $zeros))
          (local.get $scales)))
      (v128.store offset=16 (local.get $out)
        (f64x2.mul
          (f64x2.sub
            (f64x2.convert_low_i32x4_s
              (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7
                (local.get $x) (local.get $x)))
            (local.get $zeros))
          (local.get $scales)))
      (local.set $out (i32.add (local.get $out) (i32.const 32)))
      (br_if $turn (i32.lt_u (local.get $out) (local.get $end))))
    (v128.any_true
      (v128.or
        (i32x4.lt_s (local.get $smallest) (i32x4.splat (local.get $least)))
        (i32x4.gt_s (local.get $largest) (i32x4.splat (local.get $most))))))

  ;; p = v * a, and the sums of p, a, v over all rows to `sums`, three float64.
  (func (export "product")
    (param $v i32) (param $a i32) (param $p i32) (param $rows i32) (param $sums i32)
    (local $end i32) (local $volts v128) (local $amperes v128) (local $watts v128)
    (local $sumV v128) (local $sumA v128) (local $sumP v128)
    (local.set $end
      (i32.add (local.get $p) (i32.shl (i32.and (local.get $rows) (i32.const -2)) (i32.const 3))))
    (block $paired
      (loop $pair
        (br_if $paired (i32.ge_u (local.get $p) (local.get $end)))
        (local.set $volts (v128.load (local.get $v)))
        (local.set $amperes (v128.load (local.get $a)))
        (local.set $watts (f64x2.mul (local.get $volts) (local.get $amperes)))
        (v128.store (local.get $p) (local.get $watts))
        (local.set $sumP (f64x2.add (local.get $sumP) (local.get $watts)))
        (local.set $sumA (f64x2.add (local.get $sumA) (local.get $amperes)))
        (local.set $sumV (f64x2.add (local.get $sumV) (local.get $volts)))
        (local.set $v (i32.add (local.get $v) (i32.const 16)))
        (local.set $a (i32.add (local.get $a) (i32.const 16)))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (br $pair)))
    (if (i32.and (local.get $rows) (i32.const 1))
      (then ;; the odd row, the other lane zero
        (local.set $volts (v128.load64_zero (local.get $v)))
        (local.set $amperes (v128.load64_zero (local.get $a)))
        (local.set $watts (f64x2.mul (local.get $volts) (local.get $amperes)))
        (v128.store64_lane 0 (local.get $p) (local.get $watts))
        (local.set $sumP (f64x2.add (local.get $sumP) (local.get $watts)))
        (local.set $sumA (f64x2.add (local.get $sumA) (local.get $amperes)))
        (local.set $sumV (f64x2.add (local.get $sumV) (local.get $volts)))))
    (f64.store (local.get $sums) (call $lanes (local.get $sumP)))
    (f64.store offset=8 (local.get $sums) (call $lanes (local.get $sumA)))
    (f64.store offset=16 (local.get $sums) (call $lanes (local.get $sumV))))

  (func $lanes (param $x v128) (result f64)
    (f64.add (f64x2.extract_lane 0 (local.get $x)) (f64x2.extract_lane 1 (local.get $x))))

  ;; out = x + y; may write one row too many.
  (func (export "plus") (param $x i32) (param $y i32) (param $out i32) (param $rows i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $rows) (i32.const 3))))
    (loop $pair
      (v128.store (local.get $out)
        (f64x2.add (v128.load (local.get $x)) (v128.load (local.get $y))))
      (local.set $x (i32.add (local.get $x) (i32.const 16)))
      (local.set $y (i32.add (local.get $y) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $pair (i32.lt_u (local.get $out) (local.get $end)))))

  ;; The sum of d d over the steps d between neighbouring rows of p, to `sum`, a float64.
  (func (export "steps") (param $p i32) (param $rows i32) (param $sum i32)
    (local $last i32) (local $even i32) (local $d v128) (local $squares v128)
    (local.set $last
      (i32.add (local.get $p) (i32.shl (i32.sub (local.get $rows) (i32.const 1)) (i32.const 3))))
    (local.set $even
      (i32.sub (local.get $last)
        (i32.shl (i32.and (i32.sub (local.get $rows) (i32.const 1)) (i32.const 1)) (i32.const 3))))
    (block $paired
      (loop $pair
        (br_if $paired (i32.ge_u (local.get $p) (local.get $even)))
        (local.set $d (f64x2.sub (v128.load offset=8 (local.get $p)) (v128.load (local.get $p))))
        (local.set $squares
          (f64x2.add (local.get $squares) (f64x2.mul (local.get $d) (local.get $d))))
        (local.set $p (i32.add (local.get $p) (i32.const 16)))
        (br $pair)))
    (if (i32.lt_u (local.get $p) (local.get $last))
      (then ;; the odd step, the other lane zero
        (local.set $d
          (f64x2.sub (v128.load64_zero offset=8 (local.get $p)) (v128.load64_zero (local.get $p))))
        (local.set $squares
          (f64x2.add (local.get $squares) (f64x2.mul (local.get $d) (local.get $d))))))
    (f64.store (local.get $sum) (call $lanes (local.get $squares))))

  ;; out = x as float32, rounded to the nearest; may read and write up to three rows too many.
  (func (export "narrow") (param $x i32) (param $rows i32) (param $out i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $rows) (i32.const 2))))
    (loop $turn
      (v128.store (local.get $out)
        (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23
          (f32x4.demote_f64x2_zero (v128.load (local.get $x)))
          (f32x4.demote_f64x2_zero (v128.load offset=16 (local.get $x)))))
      (local.set $x (i32.add (local.get $x) (i32.const 32)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br_if $turn (i32.lt_u (local.get $out) (local.get $end)))))

  ;; Means over `factor` rows each, at least 2, of x: so many of them, at least 1, to `out`.
  (func (export "means") (param $x i32) (param $means i32) (param $factor i32) (param $out i32)
    (local $end i32) (local $pairs i32) (local $until i32) (local $sum v128) (local $total f64)
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $means) (i32.const 3))))
    (local.set $pairs (i32.shl (i32.and (local.get $factor) (i32.const -2)) (i32.const 3)))
    (loop $mean
      (local.set $until (i32.add (local.get $x) (local.get $pairs)))
      (local.set $sum (v128.load (local.get $x)))
      (local.set $x (i32.add (local.get $x) (i32.const 16)))
      (block $paired
        (loop $pair
          (br_if $paired (i32.ge_u (local.get $x) (local.get $until)))
          (local.set $sum (f64x2.add (local.get $sum) (v128.load (local.get $x))))
          (local.set $x (i32.add (local.get $x) (i32.const 16)))
          (br $pair)))
      ;; Not by $lanes: a call in the loop takes every value out of its register.
      (local.set $total
        (f64.add (f64x2.extract_lane 0 (local.get $sum)) (f64x2.extract_lane 1 (local.get $sum))))
      (if (i32.and (local.get $factor) (i32.const 1))
        (then ;; the odd row
          (local.set $total (f64.add (local.get $total) (f64.load (local.get $x))))
          (local.set $x (i32.add (local.get $x) (i32.const 8)))))
      (f64.store (local.get $out)
        (f64.div (local.get $total) (f64.convert_i32_u (local.get $factor))))
      (local.set $out (i32.add (local.get $out) (i32.const 8)))
      (br_if $mean (i32.lt_u (local.get $out) (local.get $end)))))

  ;; The least and the greatest of each 16 rows of x, to `cells` float64 each from `lows` and `highs` on, and of all of
  ;; them after those of `highs`; no NaN is either. Of nothing but those +inf and -inf. Four chains, so that none waits
  ;; for the one before.
  (func (export "extremes") (param $x i32) (param $cells i32) (param $lows i32) (param $highs i32)
    (local $end i32) (local $low v128) (local $high v128) (local $most v128) (local $least v128)
    (local $lowest v128) (local $highest v128)
    (local.set $most (f64x2.splat (f64.const inf)))
    (local.set $least (f64x2.splat (f64.const -inf)))
    (local.set $lowest (local.get $most))
    (local.set $highest (local.get $least))
    (local.set $end (i32.add (local.get $lows) (i32.shl (local.get $cells) (i32.const 3))))
    (loop $cell
      (local.set $low
        (f64x2.pmin
          (f64x2.pmin
            (f64x2.pmin (f64x2.pmin (local.get $most) (v128.load (local.get $x))) (v128.load offset=16 (local.get $x)))
            (f64x2.pmin (f64x2.pmin (local.get $most) (v128.load offset=32 (local.get $x))) (v128.load offset=48 (local.get $x))))
          (f64x2.pmin
            (f64x2.pmin (f64x2.pmin (local.get $most) (v128.load offset=64 (local.get $x))) (v128.load offset=80 (local.get $x)))
            (f64x2.pmin (f64x2.pmin (local.get $most) (v128.load offset=96 (local.get $x))) (v128.load offset=112 (local.get $x))))))
      (local.set $high
        (f64x2.pmax
          (f64x2.pmax
            (f64x2.pmax (f64x2.pmax (local.get $least) (v128.load (local.get $x))) (v128.load offset=16 (local.get $x)))
            (f64x2.pmax (f64x2.pmax (local.get $least) (v128.load offset=32 (local.get $x))) (v128.load offset=48 (local.get $x))))
          (f64x2.pmax
            (f64x2.pmax (f64x2.pmax (local.get $least) (v128.load offset=64 (local.get $x))) (v128.load offset=80 (local.get $x)))
            (f64x2.pmax (f64x2.pmax (local.get $least) (v128.load offset=96 (local.get $x))) (v128.load offset=112 (local.get $x))))))
      (local.set $low
        (f64x2.pmin (local.get $low)
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $low) (local.get $low))))
      (local.set $high
        (f64x2.pmax (local.get $high)
          (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $high) (local.get $high))))
      (v128.store64_lane 0 (local.get $lows) (local.get $low))
      (v128.store64_lane 0 (local.get $highs) (local.get $high))
      (local.set $lowest (f64x2.pmin (local.get $lowest) (local.get $low)))
      (local.set $highest (f64x2.pmax (local.get $highest) (local.get $high)))
      (local.set $x (i32.add (local.get $x) (i32.const 128)))
      (local.set $lows (i32.add (local.get $lows) (i32.const 8)))
      (local.set $highs (i32.add (local.get $highs) (i32.const 8)))
      (br_if $cell (i32.lt_u (local.get $lows) (local.get $end))))
    (v128.store64_lane 0 (local.get $highs) (local.get $lowest))
    (v128.store64_lane offset=8 0 (local.get $highs) (local.get $highest))))
