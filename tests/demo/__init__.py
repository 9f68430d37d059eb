# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The collection at work: from Pods that cannot pull to Pods that run, on the lab or on a cluster of one's own."""
