/**
 * How long things may take. Limits are written as they hold natively, as the product promises them; under emulation every
 * one is stretched by this factor. (Measured: starting a Docker daemon takes 5 to 16 s under TCG, 0.25 s natively; a
 * factor of 4 leaves room for a building machine that does other things as well.)
 */
export const emulationFactor = 4;

/** The limit of one hook or test that boots machines, for vitest; what happens inside has its own, tighter limits. */
export const bootTestTimeoutMs = 15 * 60_000;
