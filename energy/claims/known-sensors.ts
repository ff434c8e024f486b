// What has been measured of drivers' power fields: how often they are renewed and over what time they average, by the
// card's exact name. A meaning can change with the driver; a capture whose load shows the filter weighs more than a row.
// Nothing stands here of a card that nobody measured.

export interface KnownField {
  /** As the driver names the card, without the maker. */
  readonly cards: readonly string[];
  /** Last parts of channels' names. */
  readonly fields: readonly string[];
  readonly updateMs: number;
  /** Averaging time, and its standard uncertainty between captures, cards and drivers. */
  readonly windowMs: number;
  readonly windowUMs: number;
  readonly source: string;
}

const YANG = "Yang, Adámek, Armour, SC24 (arXiv 2312.02741), driver 535";
const NVML_H = "nvml.h: mean over 1 s, Ampere (but GA100) and later; driver 535 and later";

const INSTANT = ["power_instant", "power_draw_instant"];
const DRAW = ["power_usage", "power_draw"];
const AVERAGE = ["power_average", "power_draw_average"];

/** A figure of one measurement stands for others of its kind to some 5 %: 100 to 111 ms were found for one design. */
const field = (
  cards: readonly string[],
  fields: readonly string[],
  [updateMs, windowMs, windowUMs = 0.05 * windowMs]: readonly [number, number, number?],
  source = YANG,
): KnownField => ({ cards, fields, updateMs, windowMs, windowUMs, source });

const HOPPER = [
  "H100 PCIe",
  "H100 80GB HBM3",
  "H100 NVL",
  "H200",
  "H200 NVL",
  "GH200 120GB",
  "GH200 480GB",
];
const GA100 = ["A100-PCIE-40GB", "A100-SXM4-40GB", "A100 80GB PCIe", "A100-SXM4-80GB"];

export const KNOWN_FIELDS: readonly KnownField[] = [
  field(["GeForce RTX 4090"], INSTANT, [100, 111]),
  field(["GeForce RTX 3090"], INSTANT, [100, 100]),
  field(["GeForce RTX 3070 Ti"], INSTANT, [100, 101]),
  field(["RTX A5000"], INSTANT, [100, 78]),
  field(["GeForce RTX 2080 Ti"], DRAW, [101, 102]),
  field(["GeForce RTX 2060 SUPER"], DRAW, [101, 107]),
  field(["GeForce GTX 1080 Ti"], DRAW, [20, 11, 1]),
  field(["A100-PCIE-40GB"], [...DRAW, ...INSTANT], [104, 24, 2]),
  field(HOPPER, INSTANT, [100, 25, 2], `${YANG}: 21 to 25 ms; H100 and H200, driver 580: 25 ms`),
  field(
    ["GeForce RTX 4090", "GeForce RTX 3090", "GeForce RTX 3070 Ti", "RTX A5000", ...HOPPER],
    [...DRAW, ...AVERAGE],
    [100, 1000],
    NVML_H,
  ),
  field(GA100, AVERAGE, [100, 1000], NVML_H),
];

/** Cards whose counter was seen to strobe, as {@link KnownField.cards}, and the simulated one, which is made like them. */
export const STROBING_CARDS: readonly string[] = [...HOPPER, "virtual"];
