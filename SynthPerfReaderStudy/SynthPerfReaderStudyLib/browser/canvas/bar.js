// The colour bar of a map: its table, ticks at round numbers, the unit.

// Round numbers from low to high, both ends included, four to seven of them.
export function ticks(low, high) {
    const rough = (high - low) / 5;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((x) => x * power).find((x) => x >= rough * 0.999);
    const inner = [];
    for (let n = Math.ceil(low / step); n * step <= high + step / 1e6; n++) inner.push(n * step);
    const apart = inner.filter((x) => x - low > step / 2 && high - x > step / 2);
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) + (step === 2.5 * power ? 1 : 0);
    return { values: [low, ...apart, high], digits };
}

// Fill an element with the bar of a picture {range, unit} and its table of 256 colours.
export function fillBar(element, picture, table) {
    const [low, high] = picture.range;
    const strip = document.createElement("canvas");
    [strip.width, strip.height] = [1, 256];
    const context = strip.getContext("2d");
    const column = context.createImageData(1, 256);
    new Uint32Array(column.data.buffer).set([...table].reverse());
    context.putImageData(column, 0, 0);
    const { values, digits } = ticks(low, high);
    const list = document.createElement("ol");
    for (const value of values) {
        const item = document.createElement("li");
        const more = value === high ? "≥ " : value === low && low !== 0 ? "≤ " : "";
        item.textContent = more + value.toFixed(digits).replace("-", "−");
        item.style.bottom = `${(100 * (value - low)) / (high - low)}%`;
        list.append(item);
    }
    const unit = document.createElement("span");
    unit.className = "seat-unit";
    unit.textContent = picture.unit;
    element.replaceChildren(list, strip, unit);
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", `Colours from ${low} to ${high} ${picture.unit}`);
}
