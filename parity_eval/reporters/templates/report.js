// The decision table's filter. Without it the page loses nothing but the filter.
(() => {
  const box = document.getElementById("filter");
  if (!box) return;
  const [text, kind, said] = ["input", "select", "output"].map((name) => box.querySelector(name));
  const rows = [...document.querySelectorAll("#decision-table tbody tr")];
  const apply = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    for (const row of rows) {
      const own = row.textContent.toLowerCase();
      row.hidden =
        (kind.value !== "" && row.dataset.status !== kind.value) ||
        !words.every((word) => own.includes(word));
      n += row.hidden ? 0 : 1;
    }
    said.textContent = `${n} of ${rows.length} shown`;
  };
  box.hidden = false;
  text.addEventListener("input", apply);
  kind.addEventListener("change", apply);
})();
