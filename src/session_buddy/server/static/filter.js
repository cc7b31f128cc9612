// Finds rows of the list of skills by their names.

const field = document.getElementById("filter");
const found = document.getElementById("found");

if (field) {
  field.closest(".search").hidden = false;
  field.addEventListener("input", apply);
  document.addEventListener("refreshed", apply);
}

function apply() {
  const wanted = field.value.trim().toLowerCase();
  let count = 0;
  for (const row of document.querySelectorAll("#skill-table tbody tr")) {
    row.hidden = !row.querySelector(".name").textContent.toLowerCase().includes(wanted);
    count += row.hidden ? 0 : 1;
  }
  found.textContent = wanted ? `${count} found` : "";
}
