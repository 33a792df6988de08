// A heading sorts its table by its column; anchors stay below, and what has no value comes last.
(() => {
  "use strict";
  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.name !== undefined) return cell.dataset.name;
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    return null;
  };
  const text = (row, column) => row.cells[column].textContent.trim();
  const compare = (a, b, column) => {
    const [one, other] = [value(a, column), value(b, column)];
    if (typeof one === "number" && typeof other === "number") return one - other;
    return String(one ?? text(a, column)).localeCompare(String(other ?? text(b, column)), "en", { numeric: true });
  };
  const lacks = (row, column) => value(row, column) === null && text(row, column) === "-";
  const sort = (table, heading) => {
    const heads = [...heading.parentElement.cells];
    const column = heads.indexOf(heading);
    const button = heading.querySelector("button");
    const now = heading.getAttribute("aria-sort");
    const other = now === "ascending" ? "descending" : "ascending";
    const order = now === "none" ? button.dataset.first : other;
    heads.forEach((one) => one.setAttribute("aria-sort", one === heading ? order : "none"));
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const turn = order === "ascending" ? 1 : -1;
    rows.sort((a, b) => lacks(a, column) - lacks(b, column) || turn * compare(a, b, column));
    body.append(...rows);
    const told = table.closest(".scroll").nextElementSibling;
    told.textContent = `Sorted by ${button.textContent}, ${order}`;
  };
  document.querySelectorAll("table.board").forEach((table) => {
    table.querySelectorAll("thead button").forEach((button) => {
      button.addEventListener("click", () => sort(table, button.closest("th")));
    });
  });
})();
